/** Preact's jsx-runtime in the build of the widget (build/widget.config.ts): Preact's own repeats h(), which is there anyway. */
import { h, type ComponentType } from 'preact'

export { Fragment } from 'preact'

export const jsx = (type: ComponentType, props: object, key?: string) => h(type, { ...props, key })
export { jsx as jsxs }
