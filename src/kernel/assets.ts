// SPDX-License-Identifier: Apache-2.0
// Files that come with flowident: in a release beside the program, in the source tree in src/assets.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { FlowidentError } from '../errors.js'
import { packageRoot } from './native-kernel.js'

/** Path of an asset; throws with the places where it should be and `hint`, how it is made. */
export function assetPath(name: string, hint: string, root: string = packageRoot()): string {
  const places = [join(root, 'dist', name), join(root, 'src', 'assets', name)]
  const found = places.find((path) => existsSync(path))
  if (found === undefined) throw new FlowidentError('asset-missing', `${name} is missing`, { details: places, hint })
  return found
}
