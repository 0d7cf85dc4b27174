export const answers = [
  {
    name: 'headers of a connection are left out of answers',
    file: 'lib/subresponse.ts',
    text: '!hopByHop.has(name) && ',
    instead: '',
    test: 'test/reply/headers.test.ts'
  }, {
    name: 'cookies are shown in answers only where the option says so',
    file: 'lib/subresponse.ts',
    text: "(exposeCookies || name !== 'set-cookie')",
    instead: 'true',
    test: 'test/reply/set-cookie.test.ts'
  }, {
    name: 'an item that was rolled back sets no cookie',
    file: 'lib/reply/set-cookie.ts',
    text: ' || subresponse.outcome !== undefined',
    instead: '',
    test: 'test/plan/atomic.test.ts',
    only: 'rolled back sets no cookies'
  }, {
    name: 'stored data cannot forge an answer',
    file: 'lib/reply/item.ts',
    text: 'return parses(text) ?',
    instead: 'return true ?',
    test: 'test/reply/body.test.ts'
  }, {
    name: 'the line of an item is one line',
    file: 'lib/reply/ndjson.ts',
    text: ".replace(/[\\r\\n]/g, ' ')",
    instead: '',
    test: 'test/streaming/lines.test.ts'
  }, {
    name: 'the answer of a batch is not stored by caches',
    file: 'lib/reply/caching.ts',
    text: "reply.header('cache-control', 'no-store')",
    instead: '',
    test: 'test/reply/headers.test.ts'
  }, {
    name: 'an answer whose body inject has lost is not sent without it',
    file: 'lib/dispatch/inject.ts',
    text: 'if (isLost(response.raw.res as ServerResponse)) return',
    instead: 'if (false) return',
    test: 'test/dispatch/inject.test.ts'
  }, {
    name: 'inject keeps no more than maxResponseBytes of an answer',
    file: 'lib/dispatch/exchange.ts',
    text: 'if (this.#bytes > this.#maxResponseBytes) {',
    instead: 'if (false) {',
    test: 'test/run/budgets.test.ts',
    only: 'a stream without an end'
  }, {
    name: 'a request that comes to the guard too late is closed',
    file: 'lib/dispatch/exchange.ts',
    text: '    if (this.#aborted) this.#close()\n',
    instead: '',
    test: 'test/dispatch/inject.test.ts'
  }, {
    name: 'direct keeps no more than maxResponseBytes of an answer',
    file: 'lib/dispatch/direct-socket.ts',
    text: 'if (this.#bytesLeft < 0) {',
    instead: 'if (false) {',
    test: 'test/run/budgets.test.ts',
    only: 'a stream without an end'
  }, {
    name: 'what is aborted before it reaches the app is not dispatched',
    file: 'lib/dispatch/direct.ts',
    text: 'if (this.#socket.destroyed) return\n',
    instead: '',
    test: 'test/dispatch/direct.test.ts'
  }, {
    name: 'what an app answers in the words of a closing server is its answer',
    file: 'lib/dispatch/direct.ts',
    text: ' && !hasReachedHooks(this.#request)',
    instead: '',
    test: 'test/run/closing.test.ts'
  }, {
    name: 'direct lets Node check the headers of an answer',
    file: 'lib/dispatch/direct-response.ts',
    text: 'writeHeaderText.call(this, statusLine, given)',
    instead: 'this._header = statusLine',
    test: 'test/dispatch/raw.test.ts'
  }, {
    name: 'a stream waits until others have had their turns',
    file: 'lib/dispatch/direct-socket.ts',
    text: 'if (this.#waiting < this.writableHighWaterMark) return true',
    instead: 'return true',
    test: 'test/dispatch/direct.test.ts'
  }
]
