import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import files from '@fastify/static'
import type { PluginTest } from './everywhere.ts'

export default {
  async app (app) {
    const root = mkdtempSync(join(tmpdir(), 'static-'))
    app.addHook('onClose', async () => { rmSync(root, { recursive: true }) })
    for (const [name, content] of Object.entries({ 'text.txt': '0123456789', 'image.png': Buffer.from([0x89, 0, 0xff]) })) {
      writeFileSync(join(root, name), content)
      utimesSync(join(root, name), 1, 1)
    }
    await app.register(files, { root, prefix: '/static/' })
    app.get('/static-by-hand', async (_request, reply) => reply.sendFile('text.txt', { maxAge: 60_000 }))
  },

  async visit (t, visitor) {
    const get = { method: 'GET', url: '/static/text.txt' }
    const whole = await visitor.get(get.url)
    const { etag, 'last-modified': modified } = whole.headers as Record<string, string>
    const answers = await visitor.send([
      { ...get, method: 'HEAD' },
      { ...get, headers: { range: 'bytes=2-4' } },
      { ...get, headers: { range: 'bytes=-3' } },
      { ...get, headers: { range: 'bytes=99-' } },
      { ...get, headers: { 'if-none-match': etag! } },
      { ...get, headers: { 'if-modified-since': modified! } },
      { ...get, url: '/static/image.png' },
      { ...get, url: '/static/nothing.txt' },
      { ...get, url: '/static-by-hand' }
    ])
    t.strictSame(answers.map(({ status, body }) => [status, status < 400 ? body : '']), [
      [200, ''], [206, '234'], [206, '789'], [416, ''], [304, ''], [304, ''],
      [200, '\x89\0\xff'], [404, ''], [200, '0123456789']
    ])
  }
} satisfies PluginTest
