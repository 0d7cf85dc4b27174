export const processes = [
  {
    name: 'a worker does not run what was abandoned before it came',
    file: 'lib/executors/process-pool/child.ts',
    text: 'if (abort > latest) abortedEarly.add(abort)',
    instead: 'if (abort > latest) return',
    test: 'test/executors/process-pool/deadlines.test.ts',
    only: 'what is aborted before the worker has heard'
  }, {
    name: 'a worker that does not come back is killed',
    file: 'lib/executors/process-pool/worker.ts',
    text: '      timer = this.#killSoon()\n',
    instead: '',
    test: 'test/executors/process-pool/deadlines.test.ts',
    only: 'a worker that does not come back is killed'
  }, {
    name: 'what a worker had when it died may have run',
    file: 'lib/executors/process-pool/worker.ts',
    text: "failedSubresponse(new WorkerDiedError({ cause }), 'unknown')",
    instead: "failedSubresponse(new WorkerDiedError({ cause }), 'not_started')",
    test: 'test/executors/process-pool/deaths.test.ts',
    only: 'process.exit'
  }, {
    name: 'a worker that cannot be reached is given nothing',
    file: 'lib/executors/process-pool/worker.ts',
    text: ' && !this.#isGone',
    instead: '',
    test: 'test/executors/process-pool/deaths.test.ts',
    only: 'nothing can be sent to'
  }, {
    name: 'a boot that hangs is given up',
    file: 'lib/executors/process-pool/worker.ts',
    text: 'await within(this.#settings.bootTimeout, booting)',
    instead: 'await booting',
    test: 'test/executors/process-pool/boot.test.ts',
    only: 'a boot that hangs'
  }
]
