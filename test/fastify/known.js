const finish = 'light-my-request emits `finish` inside `end()`, so "request completed" is logged first; a server logs it last'

/** The tests of Fastify that pass with light-my-request alone, and why. Checked both ways. */
export const known = {
  'async-await.test.js: server logs an error if reply.send is called and a value is returned via async/await': finish,
  'logger/logging.test.js: reply.send logs an error if called twice in a row': finish,
  'logger/logging.test.js: logging': `holds the one above: ${finish}`
}
