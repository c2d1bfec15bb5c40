export { createClient, type Client, type ClientOptions } from './client.js'
export type { Answer, Asked, CallOptions } from './call.js'
export { KefuError } from './error.js'
export { readDelivery, SignatureError, type Delivery, type HeadersLike } from './webhook.js'
import type { components } from './api.gen.js'

/** The types of the document, by name: Schemas['Conversation']. */
export type Schemas = components['schemas']
