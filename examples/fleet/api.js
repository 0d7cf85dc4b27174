// The API process. It runs no subrequest itself.
import build from './app.js'

const app = await build()
await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 3000) })
process.once('SIGTERM', () => app.close())
process.send?.(app.listeningOrigin)
process.channel?.unref()
