// SPDX-License-Identifier: Apache-2.0
// A live view: services with their rates on top, the newest flows below.
import { setTimeout as sleep } from 'node:timers/promises'
import { FlowidentError } from '../errors.js'
import type { Client } from './client.js'
import { type CommonOptions, clientOf, type Flow, positive, type Register, type Service, whole, withClient } from './command.js'
import { flowColumns } from './flows.js'
import { bytes, type Column, Printer, type Stream, table } from './output.js'
import { Screen } from './screen.js'
import { serviceColumns } from './services.js'

interface Frame {
  readonly at: number
  readonly services: readonly Service[]
  readonly flows: readonly Flow[]
}

type Rated = Service & { readonly rate?: number }

const total = (service: Service): number => Number(service['bytes_received'] ?? 0) + Number(service['bytes_sent'] ?? 0)

/** Services with bytes per second since the frame before, busiest first. */
export function rated(now: Frame, before: Frame | undefined): Rated[] {
  const earlier = new Map((before?.services ?? []).map((service) => [service['id'], total(service)]))
  const seconds = before === undefined ? 0 : (now.at - before.at) / 1000
  const rows = now.services.map((service): Rated => {
    const last = earlier.get(service['id'])
    // A service that was not there a moment ago has no rate yet, and a counter that fell began anew.
    if (last === undefined || seconds <= 0 || total(service) < last) return service
    return { ...service, rate: (total(service) - last) / seconds }
  })
  return rows.sort((a, b) => (b.rate ?? 0) - (a.rate ?? 0) || total(b) - total(a))
}

const rateColumn: Column<Rated> = {
  title: 'RATE',
  value: ({ rate }) => (rate === undefined ? '' : `${bytes(Math.round(rate))}/s`),
  right: true,
}
const plainColumns = serviceColumns.filter(({ title }) => title !== 'ID')
const columns: readonly Column<Rated>[] = [...plainColumns.slice(0, 5), rateColumn, ...plainColumns.slice(5)]

export type Line = { readonly text: string; readonly bold?: boolean; readonly dim?: boolean }

export function compose(now: Frame, before: Frame | undefined, label: string, rows: number): Line[] {
  const plain = (_style: string, text: string) => text
  const head = `flowident  ${label}  ${new Date(now.at).toTimeString().slice(0, 8)}  ${now.services.length} services, ${now.flows.length} flows shown  (q or Ctrl-C ends)`
  const room = Math.max(2, rows - 3)
  const services = table(rated(now, before).slice(0, Math.max(1, Math.floor(room / 2) - 1)), columns, 10_000, plain)
  const flows = table(now.flows.slice(0, Math.max(1, room - services.length - 1)), flowColumns, 10_000, plain)
  return [
    { text: head, dim: true },
    ...services.map((text, i) => ({ text, bold: i === 0 })),
    { text: '' },
    ...flows.map((text, i) => ({ text, bold: i === 0 })),
  ].slice(0, rows)
}

async function poll(client: Client, flows: number): Promise<Frame> {
  const [services, list] = await Promise.all([
    client.get<{ services?: Service[] }>('/api/v1/services', { limit: 1000 }),
    client.get<{ flows?: Flow[] }>('/api/v1/flows', { limit: flows }),
  ])
  return { at: Date.now(), services: services.services ?? [], flows: list.flows ?? [] }
}

/** q, Ctrl-C typed in raw mode, or a signal. */
function watchKeys(stop: AbortController): () => void {
  const end = () => stop.abort()
  const key = (data: Buffer) => {
    if (['q', 'Q', '\u0003', '\u001b'].includes(data.toString('latin1'))) end()
  }
  process.on('SIGINT', end)
  process.on('SIGTERM', end)
  const { stdin } = process
  if (stdin.isTTY) {
    stdin.setRawMode(true)
    stdin.on('data', key)
  }
  return () => {
    process.off('SIGINT', end)
    process.off('SIGTERM', end)
    if (!stdin.isTTY) return
    stdin.off('data', key)
    stdin.setRawMode(false)
    stdin.pause()
  }
}

interface TopOptions extends CommonOptions {
  readonly interval: number
  readonly once?: boolean
  readonly limit: number
}

async function loop(client: Client, options: TopOptions, out: Stream): Promise<void> {
  const stop = new AbortController()
  let before: Frame | undefined = await poll(client, options.limit)
  const screen = new Screen(out)
  const release = watchKeys(stop)
  screen.open()
  try {
    screen.draw(compose(before, undefined, client.label, screen.rows))
    while (!stop.signal.aborted) {
      await sleep(options.interval, undefined, { signal: stop.signal }).catch(() => undefined)
      if (stop.signal.aborted) break
      const now = await poll(client, options.limit)
      screen.draw(compose(now, before, client.label, screen.rows))
      before = now
    }
  } finally {
    screen.close()
    release()
  }
}

export const register: Register = (program, io) => {
  withClient(program.command('top'))
    .description('watch services and flows live')
    .option('-i, --interval <seconds>', 'time between two looks', (text) => positive('--interval', text, 3600) * 1000, 2000)
    .option('-n, --limit <count>', 'flows to ask for', (text) => whole('--limit', text, 1000), 200)
    .option('--once', 'one look, printed as plain text')
    .action(async (options: TopOptions) => {
      const client = clientOf(options, io)
      const printer = new Printer(io)
      if (options.json === true) return printer.json([await poll(client, options.limit)])
      if (options.once === true) {
        const lines = compose(await poll(client, options.limit), undefined, client.label, 1_000_000)
        for (const { text } of lines) printer.line(text)
        return
      }
      if (io.stdout.isTTY !== true)
        throw new FlowidentError('usage', '`top` needs a terminal; --once prints one look, --json the same for programs')
      await loop(client, options, io.stdout)
    })
}
