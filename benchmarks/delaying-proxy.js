// A proxy on loopback that makes a connection as slow to answer as one over a distance, and no narrower.
import { once } from 'node:events'
import { connect, createServer } from 'node:net'

/**
 * Starts it. What is sent arrives after half of `roundTrip` milliseconds, and the first bytes of a connection after one
 * more: that is how long TCP takes to open it.
 */
export async function startDelayingProxy (port, roundTrip) {
  const server = createServer({ noDelay: true }, client => {
    const upstream = connect({ port, host: '127.0.0.1', noDelay: true })
    const opens = performance.now() + roundTrip
    forward(client, upstream, () => Math.max(opens - performance.now(), 0) + roundTrip / 2)
    forward(upstream, client, () => roundTrip / 2)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { port: server.address().port, stop: () => server.close() }
}

function forward (from, to, delay) {
  // What is sent while the connection opens arrives with what was sent first, in order.
  const after = (send, ...values) => { setTimeout(() => { if (!to.destroyed) send.apply(to, values) }, delay()) }
  from.on('data', chunk => { after(to.write, chunk) })
  from.on('end', () => { after(to.end) })
  from.on('error', () => { to.destroy() })
}
