// SPDX-License-Identifier: Apache-2.0
// Reads the layouts of bpf/abi.h from the BTF of the built object, and the counters' help texts from its comments; writes
// src/gen/abi.ts. The compiler is the only one who knows a layout for sure, so nothing is computed here.
// usage: gen-abi.mjs [--check] [--object FILE]   --check: exit 1 when src/gen/abi.ts is out of date
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const given = process.argv.indexOf('--object')
const object = given > 0 ? process.argv[given + 1] : join(root, 'build/flowident.bpf.o')
const output = join(root, 'src/gen/abi.ts')
if (!existsSync(object)) throw new Error(`${object} is missing: build it first (make bpf)`)

const header = ['bpf/abi.h', 'bpf/counters.h', 'bpf/connection.h', 'bpf/rules.h']
  .map((name) => readFileSync(join(root, name), 'utf8'))
  .join('\n')
const signatures = readFileSync(join(root, 'bpf/sig.h'), 'utf8')
const bpftool = ['/usr/sbin/bpftool', '/sbin/bpftool'].find((path) => existsSync(path)) ?? 'bpftool'
const { types } = JSON.parse(execFileSync(bpftool, ['-j', 'btf', 'dump', 'file', object], { maxBuffer: 1 << 28, encoding: 'utf8' }))
const byId = new Map(types.map((type) => [type.id, type]))

const camel = (name) => name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase())
const upper = (name) => name.replace(/^fi_/, '').toUpperCase()

/** Follows typedefs and qualifiers. */
function plain(id) {
  let type = byId.get(id)
  while (['TYPEDEF', 'CONST', 'VOLATILE', 'RESTRICT', 'TYPE_TAG'].includes(type.kind)) type = byId.get(type.type_id)
  return type
}

function sizeOf(id) {
  const type = plain(id)
  return type.kind === 'ARRAY' ? type.nr_elems * sizeOf(type.type_id) : (type.size ?? 8)
}

function find(kind, name) {
  const type = types.find((each) => each.kind.startsWith(kind) && each.name === name && (each.vlen ?? 0) > 0)
  if (!type) throw new Error(`${name} of bpf/abi.h is not in the BTF of ${object}: export it in bpf/flowident.bpf.c`)
  return type
}

function structText(name) {
  const type = find('STRUCT', name)
  const lines = [`  sizeof: ${type.size},`]
  for (const member of type.members) {
    if (member.name === 'pad') continue
    const field = camel(member.name)
    if (member.bits_offset % 8 !== 0) throw new Error(`${name}.${member.name} is a bit field`)
    lines.push(`  ${field}: ${member.bits_offset / 8},`)
    for (let id = member.type_id, level = ''; plain(id).kind === 'ARRAY'; id = plain(id).type_id, level += 'Inner') {
      lines.push(`  ${field}${level}Length: ${plain(id).nr_elems},`)
      if (sizeOf(plain(id).type_id) > 1) lines.push(`  ${field}${level}Stride: ${sizeOf(plain(id).type_id)},`)
    }
  }
  return `/** struct ${name} */\nexport const ${upper(name)} = {\n${lines.join('\n')}\n} as const\n`
}

function prefixOf(names) {
  let prefix = names[0]
  for (const name of names) while (!name.startsWith(prefix)) prefix = prefix.slice(0, -1)
  return prefix.slice(0, prefix.lastIndexOf('_') + 1)
}

function enumText(name) {
  const type = find('ENUM', name)
  const prefix = prefixOf(type.values.map((value) => value.name))
  const lines = type.values.map((value) => `  ${value.name.slice(prefix.length)}: ${value.val},`)
  return `/** enum ${name} */\nexport const ${upper(name)} = {\n${lines.join('\n')}\n} as const\n`
}

/** Name, help text and whether packets counted there are missing from flows; from the comments in enum fi_counter. */
function countersText() {
  const values = find('ENUM', 'fi_counter').values.filter((value) => value.name !== 'FI_C_MAX')
  const lines = values.map((value, index) => {
    const comment = header.match(new RegExp(`\\b${value.name} = ${value.val}, /\\* (.*?) \\*/`))
    if (!comment) throw new Error(`bpf/counters.h: ${value.name} has no comment: it is the metric's help text`)
    if (value.val !== index) throw new Error(`bpf/counters.h: ${value.name} is ${value.val}, ${index} was to come`)
    const [, word, text] = comment[1].match(/^(?:(unaccounted): )?(.*)$/)
    const name = value.name.replace('FI_C_', '').toLowerCase()
    return `  { name: '${name}', unaccounted: ${word !== undefined}, help: '${text.replaceAll("'", "\\'")}' },`
  })
  return `/** By index: what enum fi_counter counts. unaccounted: packets that were seen but belong to no flow. */\nexport const COUNTERS = [\n${lines.join('\n')}\n] as const\n`
}

const structs = [...header.matchAll(/^struct (fi_\w+) \{/gm)].map(([, name]) => name)
const enums = [...`${header}\n${signatures}`.matchAll(/^enum (fi_\w+) \{/gm)]
  .map(([, name]) => name)
  .filter((name) => !['fi_l4', 'fi_fit'].includes(name)) // numbers of their own meaning; never cross the boundary
const constants = [...header.matchAll(/^#define FI_(\w+) (\d+)$/gm)].map(([, name, value]) => `export const FI_${name} = ${value}`)

const names = [...structs, ...enums].map(upper)
const twin = names.find((name, index) => names.indexOf(name) !== index)
if (twin) throw new Error(`a struct and an enum would both be called ${twin}`)

const text = `// SPDX-License-Identifier: Apache-2.0
// Generated by tools/gen-abi.mjs from bpf/abi.h, bpf/connection.h, bpf/rules.h and the BTF of the built object; do not edit.
// Structs: size of the whole, byte offset of each member; of an array also its length and, where it is not 1, the stride.

${constants.join('\n')}

${structs.map(structText).join('\n')}
${enums.map(enumText).join('\n')}
${countersText()}`

const old = existsSync(output) ? readFileSync(output, 'utf8') : ''
if (process.argv.includes('--check')) {
  if (old !== text) {
    console.error('src/gen/abi.ts is out of date: run make gen')
    process.exit(1)
  }
} else if (old !== text) {
  mkdirSync(dirname(output), { recursive: true })
  writeFileSync(output, text)
}
