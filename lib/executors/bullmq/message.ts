import { Buffer } from 'node:buffer'
import type { Outcome } from '../../outcome.ts'
import type { Connection, Parent } from '../../parent.ts'
import type { Subrequest } from '../../subrequest.ts'
import type { Subresponse } from '../../subresponse.ts'
import type { BatchBody } from '../../wire/schema.ts'

/** A subrequest on its way to a worker. */
export interface Task {
  readonly subrequest: Subrequest
  readonly maxResponseBytes: number
}

/** What a batch is run from. */
export interface BatchRecord {
  readonly body: BatchBody
  readonly parent: Parent
}

// A message is the length of its head in four bytes, the head as JSON, and the bytes of the body as they are.
const lengthBytes = 4

export function writeTask ({ subrequest: { body, ...subrequest }, maxResponseBytes }: Task): Buffer {
  return write({ subrequest, maxResponseBytes, hasBody: body !== undefined }, body)
}

export function readTask (message: Buffer): Task {
  const { head: { subrequest, maxResponseBytes, hasBody }, body } = read(message)
  reviveCertificate(subrequest.connection)
  return { subrequest: { ...subrequest, body: hasBody ? body : undefined }, maxResponseBytes }
}

export function writeAnswer ({ body, ...subresponse }: Subresponse): Buffer {
  return write(subresponse, body)
}

export function readAnswer (message: Buffer): Subresponse {
  const { head, body } = read(message)
  return { ...head, body }
}

export function writeOutcome ({ subresponse: { body, ...subresponse }, ...outcome }: Outcome): Buffer {
  return write({ outcome, subresponse }, body)
}

export function readOutcome (message: Buffer): Outcome {
  const { head: { outcome, subresponse }, body } = read(message)
  return { ...outcome, subresponse: { ...subresponse, body } }
}

export function writeBatch (batch: BatchRecord): Buffer {
  return Buffer.from(JSON.stringify(batch))
}

export function readBatch (message: Buffer): BatchRecord {
  const batch = JSON.parse(message.toString())
  reviveCertificate(batch.parent.connection)
  return batch
}

function reviveCertificate ({ peerCertificate }: Connection): void {
  for (const name of ['raw', 'pubkey'] as const) {
    // JSON makes an object of bytes.
    const bytes = peerCertificate?.[name] as { data: number[] } | undefined
    if (bytes !== undefined) peerCertificate![name] = Buffer.from(bytes.data)
  }
}

function write (head: object, body: Uint8Array | string = ''): Buffer {
  const text = Buffer.from(JSON.stringify(head))
  const length = Buffer.alloc(lengthBytes)
  length.writeUInt32BE(text.length)
  return Buffer.concat([length, text, typeof body === 'string' ? Buffer.from(body) : body])
}

function read (message: Buffer): { head: ReturnType<typeof JSON.parse>, body: Buffer } {
  const end = lengthBytes + message.readUInt32BE()
  return { head: JSON.parse(message.toString('utf8', lengthBytes, end)), body: message.subarray(end) }
}
