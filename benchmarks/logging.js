// What a logger costs. Its lines go to /dev/null.
import { alternate, median } from './load.js'

const loggers = {
  none: {},
  'level warn, no lines': { LOG_LEVEL: 'warn' },
  'level info, two lines each': { LOG_LEVEL: 'info' }
}

/** @returns rows of a table */
export async function logging (settings) {
  const targets = Object.entries(loggers).flatMap(([logger, env]) => [
    { logger, env, route: 'plain requests', path: '/users/1' },
    { logger, env, route: 'by hand', path: '/by-hand', items: 20 },
    { logger, env, route: 'sequential, direct', path: '/direct/sequential', items: 20 }
  ])
  const results = await alternate(targets, settings)
  return targets.map(({ logger, route }, index) => ({
    logger, route, 'server µs each': median(results[index], run => run.cpu).toFixed(1)
  }))
}
