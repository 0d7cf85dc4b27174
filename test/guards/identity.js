export const identity = [
  {
    name: 'a subrequest that is itself a batch is refused',
    file: 'lib/batch-handler.ts',
    text: 'if (isNested(request)) return refuse(reply, new NestedBatchError())',
    instead: '',
    test: 'test/security/nested-batch.test.ts'
  }, {
    name: 'a handler inside a batch cannot send one through inject',
    file: 'lib/batch-handler.ts',
    text: " || ('isLightMyRequest' in raw && isInsideSubrequest())",
    instead: '',
    test: 'test/security/nested-batch.test.ts'
  }, {
    name: 'a subrequest from the batch of another server is not a batch either',
    file: 'lib/batch-handler.ts',
    text: ' || isMarked(raw)',
    instead: '',
    test: 'test/executors/remote/nested.test.ts'
  }, {
    name: 'a route that is taken out of batching is not reached',
    file: 'lib/dispatch/guard.ts',
    text: 'if (request.is404 || allow(routeOptions)) done()',
    instead: 'if (true) done()',
    test: 'test/security/opted-out-routes.test.ts'
  }, {
    name: 'a route that is taken out is not reached from the batch of another server either',
    file: 'lib/dispatch/guard.ts',
    text: 'isMarked(request.raw) ? guardFromSocket(request, reply, done) : done()',
    instead: 'done()',
    test: 'test/executors/remote/nested.test.ts'
  }, {
    name: 'where inject has changed, nothing gets past the guard of routes',
    file: 'lib/dispatch/exchange.ts',
    text: 'if (injected?.simulate === undefined) throw new UnsupportedInjectError()',
    instead: '',
    test: 'test/security/opted-out-routes.test.ts'
  }, {
    name: 'an item may not set headers that trust is based on',
    file: 'lib/subrequest/headers.ts',
    text: 'if (policy.isProtected(name)) throw',
    instead: 'if (false) throw',
    test: 'test/security/forged-identity.test.ts'
  }, {
    name: 'an item may not say itself that it is part of a batch',
    file: 'lib/subrequest/headers.ts',
    text: "new Set(['host', markerHeader,",
    instead: "new Set(['host',",
    test: 'test/subrequest/headers.test.ts'
  }, {
    name: '__proto__ is no name of a header',
    file: 'lib/subrequest/headers.ts',
    text: '(?!__proto__$)',
    instead: '',
    test: 'test/subrequest/headers.test.ts'
  }, {
    name: 'a header of an item has no line breaks',
    file: 'lib/subrequest/headers.ts',
    text: 'if (!fieldValue.test(value)) throw',
    instead: 'if (false) throw',
    test: 'test/subrequest/headers.test.ts'
  }, {
    name: 'over HTTP/2 subrequests know their host',
    file: 'lib/subrequest/headers.ts',
    text: "if (typeof authority === 'string') headers.host ??= authority",
    instead: '',
    test: 'test/identity.test.ts'
  }, {
    name: 'where the client has no address, a subrequest does not come from the loopback address',
    file: 'lib/dispatch/inject.ts',
    text: 'connection.remoteAddress ?? unknown',
    instead: 'connection.remoteAddress',
    test: 'test/identity.test.ts'
  }, {
    name: 'a subrequest has the connection of the batch',
    file: 'lib/dispatch/exchange.ts',
    text: 'request.socket = new ExchangeSocket(this) as unknown as Socket',
    instead: '',
    test: 'test/identity.test.ts'
  }, {
    name: 'what a subrequest enters into an async store does not reach its siblings',
    file: 'lib/dispatch/identity.ts',
    text: "new AsyncResource('Subrequest', resourceOptions).runInAsyncScope(enterScope, undefined",
    instead: 'enterScope.call(undefined',
    test: 'test/run/turns.test.ts'
  }, {
    name: 'a subrequest runs in the async context of its own batch',
    file: 'lib/run.ts',
    text: 'scope.runInAsyncScope(planned.original === undefined ? start : repeat, undefined, planned, release, now)',
    instead: '(planned.original === undefined ? start : repeat)(planned, release, now)',
    test: 'test/run/turns.test.ts'
  }, {
    name: 'what says that a request is part of a batch is signed with a trusted secret',
    file: 'lib/marker.ts',
    text: 'if (![...this.#secrets].some(secret => isEqual(given, sign(payload!, request, secret)))) return undefined',
    instead: '',
    test: 'test/executors/remote/secret.test.ts'
  }, {
    name: 'a signature holds for that request alone',
    file: 'lib/marker.ts',
    text: '[markerHeader, payload, method, url, authorization ?? null, cookie ?? null]',
    instead: '[markerHeader, payload, authorization ?? null, cookie ?? null]',
    test: 'test/executors/remote/secret.test.ts'
  }, {
    name: 'a signature holds once',
    file: 'lib/marker.ts',
    text: ' || !this.#isFirst(nonce, now)',
    instead: '',
    test: 'test/executors/remote/secret.test.ts'
  }, {
    name: 'a logger that requests share is left as it is',
    file: 'lib/dispatch/log.ts',
    text: 'Object.assign(Object.create(Object.getPrototypeOf(log)), log) as PinoLogger',
    instead: 'log',
    test: 'test/plugin/logging.test.ts'
  }, {
    name: 'a logger that is not known from within is asked for a child',
    file: 'lib/dispatch/log.ts',
    text: 'kSerializers in log && ',
    instead: '',
    test: 'test/plugin/logging.test.ts'
  }, {
    name: 'a logger that is a proxy is asked for a child',
    file: 'lib/dispatch/log.ts',
    text: ' && !types.isProxy(log)',
    instead: '',
    test: 'test/plugin/logging.test.ts'
  }
]
