// What keeps answers that nobody watches from ending otherwise than those that somebody does.
const differential = 'test/dispatch/differential.test.ts'
const response = 'lib/dispatch/direct-response.ts'

export const ends = [
  {
    name: 'a header that Node would refuse is left to Node',
    file: response,
    text: "typeof value !== 'string' || !plainValue.test(value) || ",
    instead: '',
    test: differential
  }, {
    name: 'a header that says how an answer is sent is left to Node',
    file: response,
    text: ' || !plainName.test(name)',
    instead: '',
    test: differential
  }, {
    name: 'the length of an answer is left to Node where the app does not give it',
    file: response,
    text: "headers['content-length'] === undefined ? undefined : headers",
    instead: 'headers',
    test: differential
  }, {
    name: 'the end of a head that Node wrote is left to Node',
    file: response,
    text: 'response[kPlain] === true && ',
    instead: '',
    test: differential
  }, {
    name: 'an answer without a body has none, whatever is written',
    file: response,
    text: ' && response._hasBody',
    instead: '',
    test: differential
  }, {
    name: 'an answer ends once',
    file: response,
    text: ' && !response.finished',
    instead: '',
    test: differential
  }, {
    name: 'a length that is wrong is found where the app asks for it',
    file: response,
    text: ' && !response.strictContentLength',
    instead: '',
    test: differential
  }, {
    name: 'the callback of an end is called',
    file: response,
    text: ' && callback == null',
    instead: '',
    test: differential
  }, {
    name: 'an answer on a socket that was destroyed is none',
    file: response,
    text: 'if (socket?.destroyed === false)',
    instead: 'if (socket !== null)',
    test: differential
  }, {
    name: 'an answer that somebody watches ends as in Node',
    file: response,
    text: ' && isAlone(response)',
    instead: '',
    test: 'test/dispatch/direct.test.ts'
  }, {
    name: 'who listens after an end is told in the context of the end',
    file: 'lib/dispatch/direct-end.ts',
    text: 'context.runInAsyncScope(process.nextTick, undefined, endNow, response)',
    instead: 'process.nextTick(endNow, response)',
    test: 'test/dispatch/direct.test.ts'
  }, {
    name: 'who listens in a tick that was scheduled before an end is told',
    file: 'lib/dispatch/direct-end.ts',
    text: 'process.nextTick(process.nextTick, endAll)',
    instead: 'process.nextTick(endAll)',
    test: 'test/dispatch/direct.test.ts'
  }, {
    name: 'a request that somebody listens to comes to its end',
    file: 'lib/dispatch/direct-request.ts',
    text: 'listeners === 0 && ',
    instead: '',
    test: differential
  }, {
    name: 'a request that was read comes to its end as in Node',
    file: 'lib/dispatch/direct-request.ts',
    text: ' && state[stateName] === freshState',
    instead: '',
    test: differential
  }, {
    name: 'a request that nobody has read can still be read',
    file: 'lib/dispatch/direct-socket.ts',
    text: 'unread?.push(null)',
    instead: '',
    test: differential
  }, {
    name: 'a streamed batch starts nothing before its first line is read',
    file: 'lib/reply/ndjson.ts',
    text: '      this.full = true\n      return this.#begin()',
    instead: '      return this.#begin()',
    test: 'test/streaming/back-pressure.test.ts'
  }
]
