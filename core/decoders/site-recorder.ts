// Names tensors by the site that they are while a decoder's graph is written, and remembers which tensor each site is: what the
// structural resolver (core/hooks) must find again.

/** Names of a graph's sites. */
export class SiteRecorder {
  /** The tensor of every site; of a norm that is one operator, the operator's output. */
  readonly tensors = new Map<string, string>();

  /** Options that name a node's output by its site. */
  named(site: string): { readonly name: string } {
    this.tensors.set(site, site);
    return { name: site };
  }

  /** A site that is a tensor with a name of its own already. */
  same(site: string, tensor: string): void {
    this.tensors.set(site, tensor);
  }
}

/** Options of a node: the name of its output, where it has one. */
export interface Naming {
  readonly name?: string;
}

/** Sites below a prefix: of one block. */
export interface Sites {
  readonly named: (site: string) => { readonly name: string };
  readonly same: (site: string, tensor: string) => void;
  /** A name below the prefix that is no site. */
  readonly inner: (name: string) => { readonly name: string };
}

export function sitesBelow(recorder: SiteRecorder, prefix: string): Sites {
  return {
    named: (site) => recorder.named(prefix + site),
    same: (site, tensor) => {
      recorder.same(prefix + site, tensor);
    },
    inner: (name) => ({ name: prefix + name }),
  };
}
