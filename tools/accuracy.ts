// SPDX-License-Identifier: Apache-2.0
// Writes docs/ACCURACY.md: how often the classifier is right, on our recordings in many shapes, on random and damaged bytes,
// and, where FLOWIDENT_CORPUS names a folder with pcaps/ and labels.tsv, on labelled captures of others.
// usage: accuracy.ts   (make accuracy); PAYLOADS=1000000 sets how many random payloads of each transport are tried
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { protocolName } from '../src/flows/protocols.js'
import { loadAddon } from '../src/kernel/native-kernel.js'
import { readPcap } from '../test/lib/pcap.js'
import { type Talk, talksOf } from '../test/lib/streams.js'
import { place, readTruth, type TruthRow } from '../test/lib/truth.js'
import { CAP, type CorpusScore, isCorpus, scoreCorpus } from './accuracy/corpus.js'
import { answer, chance, claims, mutated, SHAPES, turnsOf } from './accuracy/shapes.js'
import { linesTable, percent, table, Tally } from './accuracy/tally.js'

const addon = loadAddon()
const recordings = fileURLToPath(new URL('../test/pcap', import.meta.url))
const PAYLOADS = Number(process.env['PAYLOADS'] ?? 1_000_000)
const SIZE = 200
const COPIES = 20
const STEPS = 20

interface Sample {
  row: TruthRow
  talk: Talk
}

/** The recorded flows whose truth is known. The same conversations in other containers and links are not counted again. */
function samples(): Sample[] {
  const found: Sample[] = []
  const rows = readTruth()
  for (const file of new Set(rows.map((r) => r.file))) {
    if (!file.endsWith('.pcap')) continue
    const talks = talksOf(readPcap(join(recordings, file))).filter((t) => t.turns.length > 0)
    for (const row of rows.filter((r) => r.file === file)) {
      const ends = [row.a, row.b].sort().join()
      const talk = talks.find((t) => t.transport === row.transport && [place(t.client), place(t.server)].sort().join() === ends)
      if (talk !== undefined) found.push({ row, talk })
    }
  }
  return found
}

const out: string[] = []
const say = (...lines: string[]): void => void out.push(...lines, '')
const flows = samples()
const plain = SHAPES[0]!
const tallies = new Map(SHAPES.map((s) => [s.name, new Tally()]))
const changed: [protocol: string, shape: string, before: string, after: string, flow: string][] = []
const soon = Array<number>(STEPS + 1).fill(0)
let later = 0

for (const { row, talk } of flows) {
  const start = answer(addon, talk, plain, turnsOf(talk, plain)!)
  for (const shape of SHAPES) {
    const turns = turnsOf(talk, shape)
    if (turns === undefined) continue
    const a = answer(addon, talk, shape, turns)
    tallies.get(shape.name)!.add(row.protocol, a.name)
    if (shape.tcpOnly && a.layers !== start.layers)
      changed.push([row.protocol, shape.name, start.layers || 'unknown', a.layers || 'unknown', `${row.file} ${row.a}`])
  }
  if (start.name === 'unknown') continue
  const turns = turnsOf(talk, plain)!
  let k = 1
  while (k <= Math.min(STEPS, turns.length) && answer(addon, talk, plain, turns.slice(0, k)).name !== start.name) k++
  if (k <= STEPS) soon[k]!++
  else later++
}
console.error(`accuracy: ${flows.length} recorded flows in ${SHAPES.length} shapes`)

const pick = chance(11)
const damage = { same: 0, unknown: 0, other: new Map<string, number>(), all: 0 }
for (const { row, talk } of flows) {
  const turns = turnsOf(talk, plain)!.slice(0, 8)
  const before = answer(addon, talk, plain, turns).name
  for (let i = 0; i < COPIES; i++) {
    const after = answer(addon, talk, plain, mutated(turns, pick)).name
    damage.all++
    if (after === before) damage.same++
    else if (after === 'unknown') damage.unknown++
    else damage.other.set(`${row.protocol} → ${after}`, (damage.other.get(`${row.protocol} → ${after}`) ?? 0) + 1)
  }
}
console.error(`accuracy: ${damage.all} damaged conversations`)
const random = [6, 17].map((l4) => ({ l4, claimed: claims(addon, l4, PAYLOADS, SIZE) }))
console.error(`accuracy: ${2 * PAYLOADS} random payloads`)

say('# Accuracy', '', 'Written by `make accuracy`; do not edit. Numbers are of this version of the classifier, replayed in user space: the')
out.splice(-1, 0, 'same signatures, window and state machine as in the kernel.')
say('## Recorded flows')
say(
  `${flows.length} flows of ${new Set(flows.map((f) => f.row.file)).size} captures in \`test/pcap\`, recorded from real servers and clients; the truth is what was started on`,
)
out.splice(
  -1,
  0,
  'the port (`test/pcap/truth.tsv`). The signatures were written with these recordings at hand: this shows that nothing is',
  'broken, not how the classifier does on traffic it has not seen. Each conversation is sent again in the shapes below (the',
  'first 16 KiB of each end; segmentation is of TCP only).',
)
say(
  table(
    ['shape', 'flows', 'right', 'unknown', 'wrong'],
    [...tallies].map(([name, t]) => [name, t.flows, percent(t.right, t.flows), t.unknown, t.flows - t.right - t.unknown]),
  ),
)
for (const [name, tally] of tallies) {
  say(`### ${name[0]!.toUpperCase()}${name.slice(1)}`, '', linesTable(tally.lines()))
  const mistakes = tally.mistakes()
  if (mistakes.length > 0) say(`Not right: ${mistakes.map(([what, n]) => `${what} (${n})`).join(', ')}.`)
}
say('What joins late or sees one end only cannot always know: SSH, MQTT or QUIC in the middle of a connection are ciphertext or short')
out.splice(-1, 0, 'frames that many protocols share, after STARTTLS only TLS is there to see, and a refused upgrade is in the reply alone.')
say('### Segmentation that changes the answer')
if (changed.length === 0) say('None: each flow has the same layers however its bytes are cut.')
else
  say(
    table(
      ['protocol', 'shape', 'in one piece', 'cut', 'flow'],
      changed.map((c) => [...c]),
    ),
  )
say('## How soon', '', 'Payload packets, of both ends together, until the final name of the flow is given:')
const decided = soon.reduce((a, b) => a + b, 0) + later
const steps = soon.flatMap((n, k) => {
  const upTo = soon.slice(0, k + 1).reduce((a, b) => a + b, 0)
  return n === 0 ? [] : [[k, n, percent(upTo, decided)]]
})
say(table(['payload packets', 'flows', 'of those decided, so far'], later > 0 ? [...steps, [`over ${STEPS}`, later, '100.0 %']] : steps))
say('## Random and damaged bytes')
for (const { l4, claimed } of random) {
  const all = [...claimed.values()].reduce((a, b) => a + b, 0)
  const which = [...claimed].map(([id, n]) => `${protocolName(id)} ${n}`).join(', ')
  say(
    `${l4 === 6 ? 'TCP' : 'UDP'}: ${PAYLOADS.toLocaleString('en')} payloads of ${SIZE} random bytes, claimed by a signature alone: ${all}${all > 0 ? ` (${which})` : ''}.`,
  )
}
const others = [...damage.other].sort((a, b) => b[1] - a[1])
const wrong = others.reduce((n, [, k]) => n + k, 0)
say(
  `${damage.all.toLocaleString('en')} recorded conversations (first 8 payload packets) with 1 to 8 bytes of each packet replaced: ${percent(damage.same, damage.all)} keep their name, ${percent(damage.unknown, damage.all)} are unknown, ${percent(wrong, damage.all, 2)} get another (as they may: bytes that make the difference, such as a content type, can be among those replaced)${wrong > 0 ? `: ${others.map(([w, n]) => `${w} (${n})`).join(', ')}` : ''}.`,
)

const folder = process.env['FLOWIDENT_CORPUS']
say('## Captures of others')
if (folder === undefined || !isCorpus(folder)) {
  if (folder !== undefined) console.error('accuracy: FLOWIDENT_CORPUS is set, but there is no labels.tsv in it')
  say('Not measured: `FLOWIDENT_CORPUS` names no folder with `pcaps/` and `labels.tsv`.')
} else corpus(await scoreCorpus(addon, folder))
writeFileSync(fileURLToPath(new URL('../docs/ACCURACY.md', import.meta.url)), `${out.join('\n').trimEnd()}\n`)

function corpus(s: CorpusScore): void {
  say(
    `${s.rows.toLocaleString('en')} labelled flows of core protocols in ${s.captures.toLocaleString('en')} captures: the test captures of nDPI, suricata-verify, Zeek and DeepFlow. Labels are the agreement of several classifiers (tshark, nDPI, checkers that read the whole stream) and of the capture's path or name; flows without agreement are not scored. Capped: at most ${CAP} flows of one capture and protocol count in full. Strict: the protocol itself; lenient: also a near relative that the labels accept. Macro F1 is over ${s.core} protocols with 3 flows or more. Negatives are ${s.negatives.rows.toLocaleString('en')} flows that no classifier knows: any name is a false claim. The rows of others are their published scores on the same captures, not measured by this run.`,
    '',
    table(
      ['', 'capped strict', 'capped lenient', 'macro F1', 'false claims on negatives'],
      [
        [
          '**flowident**',
          ...[s.strict, s.lenient, s.macro].map((v) => `**${percent(v, 1)}**`),
          `**${percent(s.negatives.rate, 1)}** (${s.negatives.claims} flows)`,
        ],
        ['ndpiReader 4.11', '95.7 %', '96.6 %', '87.7 %', '10.5 %'],
        ['ndpiReader, payload answers alone', '93.2 %', '94.1 %', '86.8 %', '0.6 %'],
        ['tshark 4.0', '95.1 %', '95.2 %', '85.9 %', '0 %'],
        ['libprotoident', '78.0 %', '78.8 %', '55.1 %', '2.0 %'],
        ['by port alone', '74.3 %', '74.7 %', '55.0 %', '24.7 %'],
      ],
    ),
    '',
    `Answered (capped): ${percent(s.answered, 1)}. Sequences (STARTTLS, upgrades, tunnels) exactly right: ${s.sequences.right} of ${s.sequences.rows} (${percent(s.sequences.right, s.sequences.rows)}). Right answers whose evidence is in the first payload packet of an end: ${percent(s.first.firstPacket, s.first.right)}.`,
    '',
    table(
      ['protocol', 'flows', 'captures', 'precision', 'recall', 'F1'],
      s.protocols.map((p) => [p.protocol, p.support, p.captures, percent(p.precision, 1), percent(p.recall, 1), p.f1.toFixed(3)]),
    ),
    '',
    '### What is not right there',
    '',
    table(
      ['truth → answer', 'flows', 'for example'],
      s.mistakes.slice(0, 60).map((m) => [m.what, m.flows, m.example]),
    ),
  )
  if (s.mistakes.length > 60) say(`${s.mistakes.length - 60} more kinds of mistakes.`)
  if (s.unreadable.length > 0) say(`${s.unreadable.length} captures could not be read at all.`)
}
