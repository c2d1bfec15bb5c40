/** How the operations of the document become calls of the client. */
import type { operations } from './api.gen.js'

type Name = keyof operations
type Operation<N extends Name> = operations[N]
type Given<T> = [T] extends [never] ? unknown : T extends object ? T : unknown

type PathOf<N extends Name> = Operation<N> extends { parameters: { path: infer P } } ? Given<P> : unknown
type QueryOf<N extends Name> = Operation<N> extends { parameters: { query?: infer Q } } ? Given<Q> : unknown
type BodyOf<N extends Name> = Operation<N> extends { requestBody: { content: { 'application/json': infer B } } } ? { body: B } : unknown

/** What a call is given: the names in its path, its query, its body; all by their names. */
export type Asked<N extends Name> = PathOf<N> & QueryOf<N> & BodyOf<N>

type Content<R> = R extends { content: { 'application/json': infer J } } ? J : R extends { content: { 'application/zip': unknown } } ? Blob : void
type Success = 200 | 201 | 202 | 204

/** What a call is answered. */
export type Answer<N extends Name> = Content<Operation<N>['responses'][keyof Operation<N>['responses'] & Success]>

export interface CallOptions {
  signal?: AbortSignal
  /**
   * Names what is changed: the same request again under the same name changes nothing more, also from another
   * process. Without it a name is made for each call, which is kept for the call's own tries.
   */
  once?: string
}

export type Call<N extends Name> = object extends Asked<N>
  ? (asked?: Asked<N>, options?: CallOptions) => Promise<Answer<N>>
  : (asked: Asked<N>, options?: CallOptions) => Promise<Answer<N>>
