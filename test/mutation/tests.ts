// The tests of what plans a batch, in one process: mutation testing runs them once for each change that it makes.
import t from 'tap'
import '../wire/schema.test.ts'
import '../wire/media-type.test.ts'
import '../plugin/openapi.test.ts'
import '../plan/bind.test.ts'
import '../plan/json-api.test.ts'
import '../plan/on-error.test.ts'
import '../plan/dependencies.test.ts'
import '../run/dedupe.test.ts'
import '../security/forged-identity.test.ts'
import '../subrequest/body.test.ts'
import '../subrequest/url.test.ts'
import '../subrequest/headers.test.ts'

t.setTimeout(300_000)
