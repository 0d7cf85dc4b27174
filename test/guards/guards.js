import { answers } from './answers.js'
import { ends } from './ends.js'
import { identity } from './identity.js'
import { items } from './items.js'
import { processes } from './processes.js'
import { queues } from './queues.js'
import { runs } from './runs.js'
import { upstreams } from './upstreams.js'

export const guards = [...identity, ...items, ...runs, ...answers, ...ends, ...processes, ...upstreams, ...queues]
