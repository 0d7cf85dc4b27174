export const items = [
  {
    name: 'a url has no dot segments',
    file: 'lib/subrequest/url.ts',
    text: '(?!(?:\\.|%2[eE]){1,2}(?:[/?]|$))',
    instead: '',
    test: 'test/subrequest/url.test.ts'
  }, {
    name: 'a url names no other host',
    file: 'lib/subrequest/url.ts',
    text: '(?!\\/\\/)',
    instead: '',
    test: 'test/subrequest/url.test.ts'
  }, {
    name: 'a url has only characters of the grammar',
    file: 'lib/subrequest/url.ts',
    text: 'allowed.test(url)',
    instead: "allowed.test(url.replace(/[^/.?%\\w]/g, ''))",
    test: 'test/subrequest/url.test.ts'
  }, {
    name: 'a batch is utf-8',
    file: 'lib/wire/validate.ts',
    text: " && charset.toLowerCase() === 'utf-8'",
    instead: '',
    test: 'test/wire/media-type.test.ts'
  }, {
    name: 'a batch is parsed strictly, whatever the app does',
    file: 'lib/plugin.ts',
    text: "getDefaultJsonParser('error', 'error')",
    instead: "getDefaultJsonParser('ignore', 'ignore')",
    test: 'test/wire/media-type.test.ts'
  }, {
    name: 'too many items are refused before a look at them',
    file: 'lib/wire/validate.ts',
    text: 'if (Array.isArray(items) && items.length > maxRequests) return',
    instead: 'if (false) return',
    test: 'test/wire/schema.test.ts'
  }, {
    name: 'an item has at most 64 headers',
    file: 'lib/subrequest/headers.ts',
    text: 'if (seen.add(name).size > maxHeaders) throw',
    instead: 'seen.add(name)\n    if (false) throw',
    test: 'test/subrequest/headers.test.ts'
  }, {
    name: 'an id names one item',
    file: 'lib/plan/dependencies.ts',
    text: 'if (byId.size === size) throw',
    instead: 'if (false) throw',
    test: 'test/plan/dependencies.test.ts'
  }, {
    name: 'no item waits for itself',
    file: 'lib/plan/dependencies.ts',
    text: 'if (!allBefore && !allAfter) refuseCircles(items)',
    instead: '',
    test: 'test/plan/dependencies.test.ts',
    only: 'what cannot be waited for'
  }, {
    name: 'a list of what waits is not added to while others have it',
    file: 'lib/plan/dependencies.ts',
    text: 'if (!growing.has(dependency)) dependency.dependents = [...dependents]',
    instead: '',
    test: 'test/plan/dependencies.test.ts'
  }, {
    name: 'bindings do not overlap',
    file: 'lib/plan/bindings.ts',
    text: '  refuseOverlaps(bindings)\n',
    instead: '',
    test: 'test/plan/bind.test.ts'
  }, {
    name: 'a binding cannot reach a prototype',
    file: 'lib/plan/bindings.ts',
    text: " && last !== '__proto__'",
    instead: '',
    test: 'test/plan/bind.test.ts'
  }, {
    name: 'what is bound obeys the rules for items',
    file: 'lib/plan/item.ts',
    text: '  checkItem(withStandIns(item, bindings), index, rules)\n',
    instead: '',
    test: 'test/plan/bind.test.ts'
  }, {
    name: 'an object cannot be bound into a url or a header',
    file: 'lib/run/bind.ts',
    text: "if (typeof value === 'object') {",
    instead: 'if (false) {',
    test: 'test/plan/bind.test.ts'
  }, {
    name: 'a bound value cannot add segments or a query to a url',
    file: 'lib/run/bind.ts',
    text: 'encodeURIComponent(text)',
    instead: 'text',
    test: 'test/plan/bind.test.ts'
  }, {
    name: 'a bound value cannot become a dot segment',
    file: 'lib/run/bind.ts',
    text: 'if (filled !== segment && /^\\.*$/.test(filled)) throw',
    instead: 'if (false) throw',
    test: 'test/plan/bind.test.ts'
  }, {
    name: 'a binding does not see cookies that answers hide',
    file: 'lib/run/answers.ts',
    text: '.filter(([name]) => isShownHeader(name, exposeCookies))',
    instead: '',
    test: 'test/plan/bind.test.ts'
  }, {
    name: 'answers are not shared across an item that may change something',
    file: 'lib/plan/duplicates.ts',
    text: 'if (!isSafe(method)) originals.clear()',
    instead: '',
    test: 'test/run/dedupe.test.ts'
  }, {
    name: 'one failure undoes an atomic batch',
    file: 'lib/transaction.ts',
    text: 'outcomes.every(({ subresponse }) => subresponse.status < 400) ? commit() : rollback()',
    instead: 'commit()',
    test: 'test/plan/atomic.test.ts',
    only: 'one failure undoes all'
  }, {
    name: 'a commit that fails is no success',
    file: 'lib/transaction.ts',
    text: "return overrule(outcomes, logged(new CommitFailedError({ cause })), 'unknown')",
    instead: 'return outcomes',
    test: 'test/plan/atomic-failures.test.ts',
    only: 'after a commit that throws'
  }, {
    name: 'a begin that ends too late is rolled back',
    file: 'lib/transaction.ts',
    text: 'beginning.then(endLate, () => {})',
    instead: 'beginning.catch(() => {})',
    test: 'test/plan/atomic-failures.test.ts',
    only: 'a begin that ends too late is rolled back'
  }
]
