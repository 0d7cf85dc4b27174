import assert from 'node:assert/strict'
import net from 'node:net'
import fc from 'fast-check'
import { client } from './app.js'
import { goodBatch } from './plans.js'
import { expectAllPlaces, seen, startServers } from './servers.js'

const bytes = fc.uint8Array({ maxLength: 200 }).map(array => Buffer.from(array))
const head = (length, more = '') =>
  `POST /batch HTTP/1.1\r\nhost: ${client.host}\r\ncontent-type: application/json\r\n${more}${length}\r\n\r\n`
const whole = goodBatch.map(batch => {
  const body = Buffer.from(JSON.stringify(batch))
  return Buffer.concat([Buffer.from(head(`content-length: ${body.length}`)), body])
})

const streams = fc.oneof(
  // Rubbish as a body: as long as announced, shorter, longer, in chunks.
  fc.tuple(bytes, fc.integer({ min: -5, max: 5 })).map(([body, wrong]) =>
    Buffer.concat([Buffer.from(head(`content-length: ${Math.max(body.length + wrong, 0)}`)), body])),
  fc.tuple(bytes, fc.constantFrom('', '0\r\n\r\n', '5\r\n', 'ffffffffffffffff\r\n', '1;x=\r\n')).map(([body, chunk]) =>
    Buffer.concat([Buffer.from(head('transfer-encoding: chunked') + chunk), body])),
  // A batch that breaks off, or that has been damaged anywhere, in its head most of all.
  fc.tuple(whole, fc.nat()).map(([request, at]) => request.subarray(0, at % request.length)),
  fc.tuple(whole, bytes, fc.nat(), fc.nat(150), fc.boolean()).map(([request, put, at, inHead, any]) => {
    const place = any ? at % request.length : inHead
    return Buffer.concat([request.subarray(0, place), put.subarray(0, 4), request.subarray(place + 1)])
  }),
  // Framing that contradicts itself, and a second request behind the first.
  fc.tuple(whole, whole).map(requests => Buffer.concat(requests)),
  fc.tuple(whole, fc.constantFrom(
    'content-length: 0', 'transfer-encoding: chunked', 'expect: 100-continue', 'upgrade: h2c\r\nconnection: upgrade',
    'connection: close', ': ', 'x', ' folded'
  )).map(([request, line]) => {
    const [first, ...rest] = request.toString().split('\r\n')
    return Buffer.from([first, line, ...rest].join('\r\n'))
  }),
  bytes
)

/** Bytes on the socket of the batch route that are no batch, or that end in the middle of one. */
export async function rawBytes ({ runs, seed, show }) {
  const { servers, close } = await startServers()
  let answered = 0
  const server = fc.integer({ min: 0, max: servers.length - 1 })
  const property = fc.asyncProperty(server, streams, fc.boolean(), fc.nat(), async (to, stream, hangUp, cut) => {
    const { name, port } = servers[to]
    show({ server: name, stream: stream.toString('latin1') })
    seen.forget()
    const received = await exchange(port, stream, hangUp, cut)
    if (received !== '') {
      assert.match(received, /^HTTP\/1\.1 [1-5]\d\d /)
      answered++
    }
  })
  try {
    await fc.assert(property, { numRuns: runs, seed })
    // A client that left may have left something running, for a moment.
    while (seen.settled < seen.started) await new Promise(setImmediate)
    await expectAllPlaces(servers)
  } finally {
    await close()
  }
  return { connections: runs, answered }
}

/** Sends bytes in two pieces, and then either says that this was all or hangs up. */
function exchange (port, bytes, hangUp, cut) {
  return new Promise((resolve, reject) => {
    let received = ''
    const socket = net.connect({ port, host: '127.0.0.1', localAddress: client.address })
    socket.setTimeout(60_000, () => { socket.destroy(new Error('no answer for a minute')) })
    socket.on('data', chunk => { received += chunk.toString('latin1') })
    // The server may close while bytes are on their way to it.
    socket.on('error', error => { if (!['ECONNRESET', 'EPIPE'].includes(error.code)) reject(error) })
    socket.on('close', () => { resolve(received) })
    const place = cut % (bytes.length + 1)
    socket.write(bytes.subarray(0, place))
    setImmediate(() => {
      socket.write(bytes.subarray(place))
      if (hangUp) socket.destroySoon()
      else socket.end()
    })
  })
}
