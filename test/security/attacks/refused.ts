// What is refused before anything runs.

const fine = { method: 'get', url: '/any' }
const open = { method: 'post', url: '/echo' }
const own = (name: string, value: unknown = 'x') => ({ ...fine, headers: { [name]: value } })

/** Items that no batch may have: each is refused by its name. */
export const items: Readonly<Record<string, readonly unknown[]>> = {
  'a method that is none': ['FOO', 'gEt\n', '', 1, [], null, {}, undefined].map(method => ({ method, url: '/any' })),
  'a url that is none': [[], {}, null, 5, '', 'any', 'http://[', ['/any'], '/\ud800', undefined].map(url => ({ method: 'get', url })),
  'headers that are none': [[], 'a', null, { a: 1 }, { a: null }, { a: ['b'] }, { a: {} }].map(headers => ({ ...fine, headers })),
  'no item': [null, 1, 'fine', []],
  'another host': [
    'http://evil.example/any', '//evil.example/any', '\\\\evil.example\\any', '/\\evil.example/any', 'file:///any', 'data:,any', 'javascript:any'
  ].map(url => ({ method: 'get', url })),
  'a way round the router to a route that is out': [
    '/x/../closed', '/%2e%2e/closed', '/./closed', '/.%2E/closed', '/closed#', '/clo\tsed', '/closed\r\n', '/closed\0', '\\closed', '/x\\..\\closed'
  ].map(url => ({ method: 'get', url })),
  'a way round the router to the batch route': [
    '/x/../batch', '/%2e%2e/batch', '/./batch', 'batch', '//batch', 'http://h/batch', '/\\batch', '/b\natch', '/batch#x'
  ].map(url => ({ method: 'post', url, body: { batch: [fine] } })),
  'who is calling': [
    'x-forwarded-for', 'X-FORWARDED-FOR', 'X-Forwarded-For', 'x-Forwarded-for', 'X-forwarded-FOR', 'x-FORWARDED-for', 'X-Forwarded-Host',
    'x-forwarded-proto', 'x-forwarded-port', 'x-real-ip', 'X-REAL-IP', 'X-Real-Ip', 'forwarded', 'Forwarded', 'FORWARDED', 'host', 'Host', 'HOST',
    'true-client-ip', 'CF-Connecting-IP', 'x-client-ip', 'via', 'X-Original-URL', 'x-envoy-external-address', 'x-remote-user', 'X-SSL-Client-Verify'
  ].map(name => own(name, '127.0.0.1')),
  'what only a browser may say': ['Origin', 'Referer', 'Sec-Fetch-Site', 'sec-fetch-mode', 'SEC-CH-UA', 'Cookie', 'cookie'].map(name => own(name)),
  'another method by a header': ['x-http-method-override', 'X-HTTP-Method', 'X-Method-Override'].map(name => own(name, 'DELETE')),
  'headers that are not HTTP': [
    ...['a\r\nb: c', 'a\n', '\0', '\x7f', '文字'].map(value => own('a', value)), own(''), own(':authority'), own('a b'), own('ä'), own('a\r\nb'),
    { ...fine, headers: { 'X-Case': 'a', 'x-case': 'b' } },
    { ...fine, headers: Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`x-${i}`, ''])) }, own('a', 'x'.repeat(17_000))
  ],
  'what inject can be told': [
    { simulate: { end: false } }, { remoteAddress: '127.0.0.1' }, { authority: 'evil.example' }, { server: {} }, { Request: {} }, { validate: false },
    { signal: {} }, { payload: 'x' }, { cookies: { session: '1' } }, { query: { a: 1 } }, { path: '/closed' }, { payloadAsStream: true }
  ].map(key => ({ ...fine, ...key })),
  'an id that is none': ['', 'x'.repeat(1_000_000), 'a b', 'a\r\n', '/', 1, null, {}, []].map(id => ({ ...fine, id })),
  'a path of a megabyte': [{ method: 'get', url: `/${'x'.repeat(1_000_000)}` }],
  'bytes that are none': ['a', 'YQ==YQ==', {}, 1].map(body => ({ ...open, body, body_encoding: 'base64' })),
  'a reference that is none': [
    { '/body/a': 'a/constructor' }, { '/method': 'a/body' }, { '/headers/cookie': 'a/body' }, { '/headers/host': 'a/body' },
    { '/body/a': `a/${'$'.repeat(100_000)}` }, { '/body/__proto__/polluted': 'a/body' }, { '/body': 'nobody/body' }, { '/url/x': 'a/body' }, 'a', [1]
  ].map(bind => ({ ...open, body: {}, bind })),
  'a dependency that is none': [['nobody'], 'a', [1], {}].map(ids => ({ ...fine, depends_on: ids }))
}

const text = JSON.stringify

/** Whole bodies that are no batch. */
export const bodies: Readonly<Record<string, string>> = {
  nothing: '',
  null: 'null',
  'half of one': '{"batch":[',
  ...Object.fromEntries(['batch', {}, [], null, true, 1].map(batch => [`batch: ${text(batch)}`, text({ batch })])),
  '21 bad items': text({ batch: Array(21).fill(0) }),
  '1001 bad items': text({ batch: Array(1001).fill({ method: 'get' }) }),
  '50 000 bad items': text({ batch: Array(50_000).fill(null) }),
  'two items of one id': text({ batch: [{ ...fine, id: 'a' }, { ...fine, id: 'a' }] }),
  'a circle': text({ batch: [{ ...fine, id: 'a', depends_on: ['b'] }, { ...fine, id: 'b', depends_on: ['a'] }] }),
  'an item that waits for itself': text({ batch: [{ ...fine, id: 'a', depends_on: ['a'] }] }),
  'a prototype of the batch': '{"__proto__":{"polluted":1},"batch":[{"method":"get","url":"/any"}]}',
  'a prototype of an item': '{"batch":[{"method":"get","url":"/any","__proto__":{"polluted":1}}]}',
  'a prototype of headers': '{"batch":[{"method":"get","url":"/any","headers":{"__proto__":{"polluted":1}}}]}',
  'a prototype of a body': '{"batch":[{"method":"post","url":"/echo","body":{"__proto__":{"polluted":1}}}]}',
  'a prototype by way of its constructor': '{"batch":[{"method":"post","url":"/echo","body":{"constructor":{"prototype":{"polluted":1}}}}]}',
  ...Object.fromEntries([5_000, 100_000].map(depth => [
    `a body ${depth} deep`, `{"batch":[{"method":"post","url":"/echo","body":${'['.repeat(depth)}${']'.repeat(depth)}}]}`
  ]))
}

/** What a body that is a good batch may not be called. */
export const mediaTypes = [
  undefined, 'text/plain', 'text/plain; application/json', 'text/plain;charset=UTF-8', 'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=x', 'application/jsonx', 'application/json, text/plain', 'application/json; charset=utf-16', '\tapplication/json x'
]
