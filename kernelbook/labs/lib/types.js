/**
 * Types that the labs share. They exist for `tsc -p kernelbook/labs` alone; the module is empty at run time.
 *
 * @typedef {Record<string, any>} State A lab's state: the synced traits of its Python class, by name.
 *
 * @typedef {object} Model What a lab's render() talks to: anywidget's model in Jupyter, host.js's on the page.
 * @property {(name: string) => any} get "cargo" gives the text that travels with the figure beside the state.
 * @property {(name: string, value: any) => void} set
 * @property {(event: string, callback: () => void) => void} on
 * @property {(event: string, callback: () => void) => void} off
 * @property {() => void} save_changes
 * @property {State} [initial] The author's state (on the page only), which "Reset" goes back to.
 * @property {() => string} [link] The address of the page with this lab as it stands (on the page only).
 *
 * @typedef {{model: Model, el: HTMLElement}} RenderContext
 *
 * @typedef {object} Lab
 * @property {(context: RenderContext) => (() => void) | void} render Draws the lab into `el`, returns its undoing.
 * @property {(raw: State) => State} clean Any object in, a complete valid state out: links carry junk.
 */
export {};
