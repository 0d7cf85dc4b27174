// What every benchmark server tells the process that loads it.

/** Tells where a server listens, and what this process has spent whenever it is asked. */
export function serve (server) {
  process.send({ port: server.address().port })
  process.on('message', () => { process.send({ cpu: process.cpuUsage() }) })
  process.once('disconnect', () => { process.exit() })
}
