import { createHash } from 'node:crypto'
import multipart from '@fastify/multipart'
import type { PluginTest } from './everywhere.ts'

const boundary = 'XX'
const headers = { 'content-type': `multipart/form-data; boundary=${boundary}` }

function part (head: string, content: string | Buffer): Buffer {
  return Buffer.concat([
    Buffer.from(`--${boundary}\r\ncontent-disposition: form-data; ${head}\r\n\r\n`), Buffer.from(content as string), Buffer.from('\r\n')
  ])
}

function form (...parts: Buffer[]): Buffer {
  return Buffer.concat([...parts, Buffer.from(`--${boundary}--\r\n`)])
}

const allBytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))

export default {
  async app (app) {
    await app.register(multipart, { limits: { fileSize: 1000 } })
    app.post('/multipart', async request => {
      const seen: Array<[name: string, value: unknown]> = []
      for await (const part of request.parts()) {
        if (part.type === 'field') seen.push([part.fieldname, part.value])
        else seen.push([part.filename, createHash('sha256').update(await part.toBuffer()).digest('hex')])
      }
      return seen
    })
  },

  async visit (t, visitor) {
    const item = { method: 'POST', url: '/multipart', headers }
    const bytes = form(part('name="title"', 'Notes'), part('name="file"; filename="all bytes"', allBytes))
    const tooLarge = form(part('name="file"; filename="a.txt"', 'x'.repeat(1001)))
    const answers = await visitor.send([
      { ...item, body: bytes.toString('base64'), body_encoding: 'base64' },
      { ...item, body: form(part('name="title"', 'as text')).toString() },
      { ...item, body: tooLarge.toString() },
      { ...item, headers: undefined, body: {} }
    ])
    t.strictSame(answers.map(({ status }) => status), [200, 200, 413, 406])
    t.strictSame(JSON.parse(answers[0]!.body), [
      ['title', 'Notes'], ['all bytes', createHash('sha256').update(allBytes).digest('hex')]
    ], 'every byte of a file came, from a body in base64')
  }
} satisfies PluginTest
