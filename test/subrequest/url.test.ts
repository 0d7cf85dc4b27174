import fc from 'fast-check'
import { sequential } from '../../lib/index.ts'
import { build, injectBatch, listen, request, sendBatch, testEach, type Dispatch, type Teardown } from '../helper.ts'

function buildUrls (t: Teardown, dispatch: Dispatch) {
  const app = build(t, { executor: sequential({ dispatch }) })
  const seen: string[] = []
  app.all('/*', async request => {
    seen.push(request.url)
    return request.url
  })
  return { app, seen }
}

const refused: ReadonlyArray<readonly [url: string, reason: string]> = [
  ['', 'does not begin with exactly one "/"'],
  ['x', 'does not begin with exactly one "/"'],
  ['?a', 'does not begin with exactly one "/"'],
  ['batch', 'does not begin with exactly one "/"'],
  ['*', 'does not begin with exactly one "/"'],
  ['//', 'does not begin with exactly one "/"'],
  ['//evil.example/x', 'does not begin with exactly one "/"'],
  ['http://evil.example/x', 'does not begin with exactly one "/"'],
  ['http://[', 'does not begin with exactly one "/"'],
  ['file:///etc/passwd', 'does not begin with exactly one "/"'],
  ['data:text/html,x', 'does not begin with exactly one "/"'],
  ['javascript:alert(1)', 'does not begin with exactly one "/"'],
  ['\\\\evil.example\\x', 'does not begin with exactly one "/"'],
  [' /x', 'does not begin with exactly one "/"'],
  ['/\\evil.example/x', 'has a character that a url may not have, U+005C'],
  ['/x\\..\\y', 'has a character that a url may not have, U+005C'],
  ['/x y', 'has a character that a url may not have, U+0020'],
  ['/x\ty', 'has a character that a url may not have, U+0009'],
  ['/b\natch', 'has a character that a url may not have, U+000A'],
  ['/x\r\nhost: evil', 'has a character that a url may not have, U+000D'],
  ['/x\0', 'has a character that a url may not have, U+0000'],
  ['/x\x7f', 'has a character that a url may not have, U+007F'],
  ['/x#y', 'has a character that a url may not have, U+0023'],
  ['/x"', 'has a character that a url may not have, U+0022'],
  ['/<x>', 'has a character that a url may not have, U+003C'],
  ['/x>', 'has a character that a url may not have, U+003E'],
  ['/`', 'has a character that a url may not have, U+0060'],
  ['/{id}', 'has a character that a url may not have, U+007B'],
  ['/id}', 'has a character that a url may not have, U+007D'],
  ['/é', 'has a character that a url may not have, U+00E9'],
  ['/😀', 'has a character that a url may not have, U+D83D'],
  ['/x?y#z', 'has a character that a url may not have, U+0023'],
  ['/.', 'has a dot segment'],
  ['/..', 'has a dot segment'],
  ['/x/../y', 'has a dot segment'],
  ['/x/./y', 'has a dot segment'],
  ['/x/..', 'has a dot segment'],
  ['/x/..?y', 'has a dot segment'],
  ['/%2e', 'has a dot segment'],
  ['/%2E%2e/y', 'has a dot segment'],
  ['/x/.%2e/y', 'has a dot segment'],
  ['/x/%2e./y', 'has a dot segment'],
  [`/${'x'.repeat(8192)}`, 'longer than 8192 bytes']
]

testEach('a url that is not a plain absolute path is refused', async (t, dispatch) => {
  const { app, seen } = buildUrls(t, dispatch)
  for (const [url, reason] of refused) {
    const { status, json } = await injectBatch(app, [{ method: 'get', url }])
    t.equal(status, 400)
    t.match(json, { code: 'FST_BATCH_INVALID_URL', message: `batch/0/url: ${reason}` }, JSON.stringify(url.slice(0, 40)))
  }
  t.strictSame(seen, [])
})

testEach('every other url reaches the app as it was sent', async (t, dispatch) => {
  const { app, seen } = buildUrls(t, dispatch)
  const urls = [
    '/', '/x', '/x/', '/x//y', '/%62atch', '/x%2f..%2fy', '/...', '/x/.hidden', '/x/..y', '/..x', '/x?y=../z', '/x?/../z',
    '/x?', '/x??', '/x?y=\'z\'', '/x?a|b', '/x?a[]=1&a[]=2', '/x^y', '/x?^', '/x|y', '/x[1]', '/x\'y', '/x!$&()*+,;=:@~-._',
    `/${'x'.repeat(8191)}`
  ]
  for (const url of urls) {
    const { status } = await injectBatch(app, [{ method: 'get', url }])
    t.equal(status, 200)
    t.equal(seen.pop(), url)
  }
})

testEach('every url of the grammar is routed and seen as the same url sent directly', async (t, dispatch) => {
  const { app, seen } = buildUrls(t, dispatch)
  await listen(app)
  const characters = Array.from({ length: 0x7f - 0x21 }, (_, i) => String.fromCharCode(0x21 + i))
  const allowed = characters.filter(character => !'#\\"<>`{}'.includes(character))
  const url = fc.string({ unit: fc.constantFrom(...allowed, '%2e', '%2F', '..', '/', '?'), maxLength: 30 })
    .map(rest => `/${rest}`)

  await fc.assert(fc.asyncProperty(url, async url => {
    const { status, batch } = await sendBatch(app, [{ method: 'get', url }])
    const dots = url.split('?')[0]!.split('/').some(segment => /^(\.|%2e){1,2}$/i.test(segment))
    if (url.startsWith('//') || dots) return status === 400
    const direct = await request(app, { path: url })
    if (batch[0]!.status_code !== direct.status) return false
    return direct.status !== 200 || (seen.pop() === url && seen.pop() === url)
  }), { numRuns: 400 })
})

testEach('what rewriteUrl of the app did to a url stays', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }) }, { rewriteUrl: ({ url }) => url!.replace('/old', '/new') })
  app.get('/new', async request => ({ url: request.url, original: request.originalUrl }))
  const { batch } = await injectBatch(app, [{ method: 'get', url: '/old?\'' }, { method: 'get', url: '/old' }])
  // What inject has rewritten before the app did cannot be put back.
  const url = dispatch === 'inject' ? '/new?%27' : '/new?\''
  t.strictSame(JSON.parse(batch[0]!.body), { url, original: '/old?\'' })
  t.strictSame(JSON.parse(batch[1]!.body), { url: '/new', original: '/old' })
})
