/** What speaks against a run, and what a person should know: gathered, so that all of it is told at once. */
export interface Findings {
  readonly refusals: string[];
  readonly warnings: string[];
}
