// The names under which a run's results are published.

/** Names of one run's datasets. */
export function datasetNames(run: string): {
  readonly corpus: string;
  readonly documents: string;
  readonly tokens: string;
  readonly activations: (site: string) => string;
  readonly dictionary: (name: string, table: string) => string;
} {
  return {
    corpus: `${run}/corpus`,
    documents: `${run}/documents`,
    tokens: `${run}/tokens`,
    activations: (site) => `${run}/activations/${site}`,
    dictionary: (name, table) => `${run}/${name}/${table}`,
  };
}
