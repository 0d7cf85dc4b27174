// Load while again and again something is killed, and what has to hold whatever that was.
import { setTimeout } from 'node:timers/promises'

/**
 * Sends batches from many connections for some seconds. Meanwhile `kill` is called every so many milliseconds, and says
 * whether it killed anything. Gives what became of the items.
 */
export async function load (server, { seconds, connections, every }, kill) {
  const end = performance.now() + seconds * 1000
  const counts = { kills: 0, batches: 0, sent: 0, hung: 0 }
  /** How many items were answered how. */
  const kinds = { 200: 0 }
  /** How each POST was answered, by its id. */
  const orders = new Map()

  async function sendBatches (connection) {
    for (let round = 0; performance.now() < end; round++) {
      const items = Array.from({ length: 8 }, (_, index) => index % 2 === 0
        ? { method: 'post', url: '/orders', body: { id: `${connection}.${round}.${index}` } }
        : { method: 'get', url: '/spin?ms=2' })
      counts.batches++
      counts.sent += items.length
      counts.hung += items.length
      const { batch } = await server.send(items)
      counts.hung -= items.length
      for (const [index, { status_code: status, outcome }] of batch.entries()) {
        const kind = status === 200 ? '200' : `${status} ${outcome}`
        kinds[kind] = (kinds[kind] ?? 0) + 1
        if (index % 2 === 0) orders.set(items[index].body.id, kind)
      }
      // Where nobody can be reached, batches are refused at once.
      if (batch.every(({ outcome }) => outcome === 'not_started')) await setTimeout(20)
    }
  }

  async function killAgain () {
    while (performance.now() < end) {
      await setTimeout(every)
      if (kill()) counts.kills++
    }
  }

  await Promise.race([
    Promise.all([killAgain(), ...Array.from({ length: connections }, (_, connection) => sendBatches(connection))]),
    setTimeout(seconds * 1000 + 60_000, undefined, { ref: false })
  ])
  return { counts, kinds, orders, intervals: seconds * 1000 / every }
}

/** Holds what became of the items against what the ledger says when all is over. */
export function judge ({ counts, kinds, orders, intervals }, ledger) {
  const lines = ledger.lines().filter(line => line !== 'closed')
  const ran = new Set(lines)
  const ofKind = pattern => [...orders].filter(([, kind]) => pattern.test(kind)).map(([id]) => id)
  const isKnown = Object.keys(kinds).every(kind => /^(200|50[234] (unknown|not_started))$/.test(kind))
  const answered = Object.values(kinds).reduce((sum, count) => sum + count)
  return {
    figures: { ...counts, ...kinds, 'POST run': lines.length },
    promises: {
      'a kill in nearly every interval': counts.kills >= intervals / 2,
      'no batch hung': counts.hung === 0,
      'every subrequest was answered once, or is unknown or not_started': isKnown && answered === counts.sent,
      'some were answered by the app': kinds[200] > 0,
      'no POST ran twice': ran.size === lines.length,
      'every POST that was answered 200 ran': ofKind(/^200$/).every(id => ran.has(id)),
      'no POST ran that was answered not_started': !ofKind(/not_started$/).some(id => ran.has(id))
    }
  }
}
