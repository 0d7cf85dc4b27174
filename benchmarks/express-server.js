// The same routes on Express, with `express-batch-requests`, which sends itself a request for each item.
import { setTimeout } from 'node:timers/promises'
import express from 'express'
import batch from 'express-batch-requests'
import { serve } from './serve.js'

const app = express()
app.use(express.json({ limit: '16mb' }))

const user = id => ({ id: Number(id), name: 'Ada Lovelace' })
app.get('/users/:id', (req, res) => { res.json(user(req.params.id)) })
app.post('/users', (req, res) => { res.json(user(req.body.id)) })
app.get('/slow-users/:id', async (req, res) => {
  await setTimeout(1)
  res.json(user(req.params.id))
})
app.post('/batch', batch)

const server = app.listen(0, '127.0.0.1', () => { serve(server) })
