import { gunzipSync, gzipSync } from 'node:zlib'
import compress from '@fastify/compress'
import Fastify, { type FastifyInstance } from 'fastify'
import batch, { sequential } from '../../lib/index.ts'
import { dispatches, listen, request } from '../helper.ts'
import type { PluginTest } from './everywhere.ts'

async function compressed (app: FastifyInstance): Promise<void> {
  await app.register(compress, { threshold: 0 })
  app.get('/compress', async () => ({ text: 'text '.repeat(100) }))
  app.post('/compress', async ({ body }) => body)
}

export default {
  app: compressed,

  async visit (t, visitor) {
    const [answer, posted] = await visitor.send([
      { method: 'GET', url: '/compress' },
      {
        method: 'POST',
        url: '/compress',
        headers: { 'content-encoding': 'gzip' },
        body: gzipSync('{"a":1}').toString('base64'),
        body_encoding: 'base64'
      }
    ])
    t.notOk('content-encoding' in answer!.headers)
    t.equal(posted!.body, '{"a":1}', 'the body of an item can be compressed')
  },

  async also (t) {
    for (const dispatch of dispatches) {
      const app = Fastify()
      t.teardown(() => app.close())
      await compressed(app)
      app.register(batch, { executor: sequential({ dispatch }) })
      await listen(app)
      const { headers, body } = await request(app, {
        method: 'POST',
        path: '/batch',
        headers: { 'content-type': 'application/json', 'accept-encoding': 'gzip' },
        body: JSON.stringify({ batch: [{ method: 'GET', url: '/compress', headers: { 'accept-encoding': 'gzip' } }] })
      })
      t.equal(headers['content-encoding'], 'gzip', 'the answer of the batch is compressed')
      const { batch: [answer] } = JSON.parse(gunzipSync(body).toString())
      t.match(JSON.parse(answer.body), { text: /^text/ }, 'and those in it are not')
      t.notOk('content-encoding' in answer.headers)
    }
  }
} satisfies PluginTest
