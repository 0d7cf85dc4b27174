export const runs = [
  {
    name: 'an item is answered once',
    file: 'lib/run.ts',
    text: 'if (!running.delete(item)) return',
    instead: 'running.delete(item)',
    test: 'test/run/deadlines.test.ts'
  }, {
    name: 'a subrequest that has ended gives its turn back',
    file: 'lib/run.ts',
    text: '    item.release?.()\n',
    instead: '',
    test: 'test/run/turns.test.ts',
    only: 'lowest index starts first'
  }, {
    name: 'an item whose bindings fail gives its turn back',
    file: 'lib/run.ts',
    text: '      release?.()\n      return settle',
    instead: '      return settle',
    test: 'test/plan/bind.test.ts',
    only: 'gives its turn back'
  }, {
    name: 'the answers of a batch have a limit together',
    file: 'lib/run.ts',
    text: 'subresponse.outcome !== undefined || Buffer.byteLength(subresponse.body) <= bytesLeft()',
    instead: 'true',
    test: 'test/run/budgets.test.ts'
  }, {
    name: 'an answer has a limit, whatever the executor does',
    file: 'lib/execution.ts',
    text: 'if (Buffer.byteLength(body) > (outcome === undefined ? maxBytes : maxFailureBytes)) {',
    instead: 'if (false) {',
    test: 'test/run/executor.test.ts'
  }, {
    name: 'a batch ends at its deadline',
    file: 'lib/run/deadlines.ts',
    text: 'if (now >= deadline) return settings.onBatchTimeout()',
    instead: 'if (now >= deadline) return',
    test: 'test/run/deadlines.test.ts',
    only: 'a batch that is out of time answers'
  }, {
    name: 'a subrequest ends at its deadline',
    file: 'lib/run/deadlines.ts',
    text: 'settings.onSubrequestTimeout(item)',
    instead: '',
    test: 'test/run/deadlines.test.ts',
    only: 'the deadline counts from the start'
  }, {
    name: 'a subrequest that is abandoned is told so',
    file: 'lib/run.ts',
    text: 'item.execution.abort(error)',
    instead: '',
    test: 'test/run/disconnect.test.ts',
    only: 'when the client goes'
  }, {
    name: 'a handler does not run for a subrequest that was abandoned before',
    file: 'lib/dispatch/guard.ts',
    text: 'if (request.raw.aborted) return',
    instead: '',
    test: 'test/run/deadlines.test.ts'
  }, {
    name: 'when the client goes, the rest of its batch does not start',
    file: 'lib/batch-handler.ts',
    text: 'if (arrival.run !== undefined) arrival.run.stop(new ClientGoneError())',
    instead: '',
    test: 'test/run/disconnect.test.ts',
    only: 'when the client goes'
  }, {
    name: 'when the client goes before its batch has begun, nothing starts',
    file: 'lib/batch-handler.ts',
    text: '      arrival.gone = true\n',
    instead: '',
    test: 'test/run/disconnect.test.ts'
  }, {
    name: 'when the server closes, the rest of a batch does not start',
    file: 'lib/batch-handler.ts',
    text: 'for (const run of runs) run.drain(new ClosingError())',
    instead: '',
    test: 'test/run/closing.test.ts'
  }, {
    name: 'when the server closes already, nothing of a batch starts',
    file: 'lib/batch-handler.ts',
    text: 'closing ? new ClosingError() : undefined',
    instead: 'undefined',
    test: 'test/run/closing.test.ts'
  }, {
    name: 'the close of the server does not wait for connections that are kept alive',
    file: 'lib/batch-handler.ts',
    text: 'if (closing) raw.socket.destroySoon?.()',
    instead: '',
    test: 'test/streaming/answers.test.ts',
    only: 'when the server closes, the rest is answered'
  }, {
    name: 'a batch that would pass maxInFlight is refused',
    file: 'lib/admission.ts',
    text: 'if (this.#items + items > limit) return undefined',
    instead: '',
    test: 'test/run/in-flight.test.ts',
    only: 'is refused whole'
  }, {
    name: 'the places of a batch are given back',
    file: 'lib/batch-handler.ts',
    text: 'ended.finally(() => { release(performance.now()) })',
    instead: '',
    test: 'test/run/in-flight.test.ts'
  }, {
    name: 'a large batch cannot starve a small one',
    file: 'lib/run/turns.ts',
    text: 'while (!this.#waiting && this',
    instead: 'while (this',
    test: 'test/run/turns.test.ts',
    only: 'a large batch cannot starve'
  }
]
