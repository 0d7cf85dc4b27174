import type { Subrequest } from '../../subrequest.ts'
import type { Subresponse } from '../../subresponse.ts'

/** A subrequest on its way to a worker. */
export interface Task {
  readonly subrequest: Subrequest
  readonly maxResponseBytes: number
}

/** An answer on its way back. */
export interface Answer {
  readonly id: string
  readonly subresponse: Subresponse
}

// A message is the length of its head in four bytes, the head as JSON, and the bytes of the body as they are.
const lengthBytes = 4

export function writeTask ({ subrequest: { body, ...subrequest }, maxResponseBytes }: Task): Buffer {
  return write({ subrequest, maxResponseBytes, hasBody: body !== undefined }, body)
}

export function readTask (message: Buffer): Task {
  const { head: { subrequest, maxResponseBytes, hasBody }, body } = read(message)
  const { peerCertificate } = subrequest.connection
  for (const name of ['raw', 'pubkey']) {
    if (peerCertificate?.[name] !== undefined) peerCertificate[name] = Buffer.from(peerCertificate[name].data)
  }
  return { subrequest: { ...subrequest, body: hasBody ? body : undefined }, maxResponseBytes }
}

export function writeAnswer ({ id, subresponse: { body, ...subresponse } }: Answer): Buffer {
  return write({ id, subresponse }, body)
}

export function readAnswer (message: Buffer): Answer {
  const { head: { id, subresponse }, body } = read(message)
  return { id, subresponse: { ...subresponse, body } }
}

function write (head: object, body: Uint8Array = new Uint8Array()): Buffer {
  const text = Buffer.from(JSON.stringify(head))
  const length = Buffer.alloc(lengthBytes)
  length.writeUInt32BE(text.length)
  return Buffer.concat([length, text, body])
}

function read (message: Buffer): { head: ReturnType<typeof JSON.parse>, body: Buffer } {
  const end = lengthBytes + message.readUInt32BE()
  return { head: JSON.parse(message.toString('utf8', lengthBytes, end)), body: message.subarray(end) }
}
