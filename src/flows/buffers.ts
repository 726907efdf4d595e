// SPDX-License-Identifier: Apache-2.0
// The ring's buffer is one and the same for every batch: what it is read through is made once.

const oncePerBuffer = <T>(make: (buffer: ArrayBufferLike) => T): ((buffer: ArrayBufferLike) => T) => {
  const made = new WeakMap<ArrayBufferLike, T>()
  return (buffer) => {
    let reader = made.get(buffer)
    if (reader === undefined) {
      reader = make(buffer)
      made.set(buffer, reader)
    }
    return reader
  }
}

export const viewOf = oncePerBuffer((buffer) => new DataView(buffer))
export const bytesOf = oncePerBuffer((buffer) => new Uint8Array(buffer))
