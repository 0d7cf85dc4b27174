// A batch that was answered is let go of, however long its app runs on.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { build, injectBatch, testEach } from '../helper.ts'
import { sequential } from '../../lib/index.ts'

setFlagsFromString('--expose-gc')
const collect: () => void = runInNewContext('gc')

testEach('nothing of an answered batch is kept', async (t, dispatch) => {
  const bodies: Array<WeakRef<object>> = []
  const app = build(t, {
    executor: sequential({ dispatch }),
    route: { preHandler: async request => { bodies.push(new WeakRef(request.body as object)) } }
  })
  app.get('/', async () => 'x')
  for (let n = 0; n < 5; n++) await injectBatch(app, [{ method: 'get', url: '/' }])
  await new Promise(setImmediate)
  collect()
  // The last one may still be on the way out of Fastify.
  t.strictSame(bodies.slice(0, 4).map(body => body.deref()), [undefined, undefined, undefined, undefined])
})
