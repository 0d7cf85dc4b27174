export const upstreams = [
  {
    name: 'a request that is not idempotent is not sent to an upstream again',
    file: 'lib/executors/remote/send.ts',
    text: 'isIdempotent(subrequest.method) ? settings.retries : 0',
    instead: 'settings.retries',
    test: 'test/executors/remote/failures.test.ts',
    only: 'idempotent methods are tried'
  }, {
    name: 'a request that may have arrived is not sent again',
    file: 'lib/executors/remote/send.ts',
    text: "'unsent' in result && triesLeft > 0",
    instead: "!('subresponse' in result) && triesLeft > 0",
    test: 'test/executors/remote/failures.test.ts'
  }, {
    name: 'a request is not sent again by undici',
    file: 'lib/executors/remote/exchange.ts',
    text: "if (this.#controller !== undefined) throw new Error('a request is sent once')",
    instead: '',
    test: 'test/executors/remote/http2.test.ts',
    only: 'what undici would send'
  }, {
    name: 'a request that was abandoned is not sent later',
    file: 'lib/executors/remote/exchange.ts',
    text: 'if (this.#abandoned !== undefined) throw this.#abandoned',
    instead: '',
    test: 'test/executors/remote/failures.test.ts',
    only: 'nothing is sent later'
  }, {
    name: 'an item cannot set what an upstream believes',
    file: 'lib/executors/remote.ts',
    text: '    protectedHeaders: forwardedNames,\n',
    instead: '',
    test: 'test/executors/remote/identity.test.ts'
  }, {
    name: 'an upstream is told its own host',
    file: 'lib/executors/remote/request.ts',
    text: "const replaced = new Set(['host', markerHeader,",
    instead: 'const replaced = new Set([markerHeader,',
    test: 'test/executors/remote/identity.test.ts'
  }
]
