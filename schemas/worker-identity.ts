// The name under which a worker polls Temporal: it says which process it is, so that whoever reads it on the same machine can prove
// whether that process still lives, and after which run it ends.

export interface WorkerIdentity {
  readonly pid: number;
  readonly host: string;
  /** What pids are counted in: one boot of one machine, one space of pids. Empty where the system does not tell. */
  readonly machine: string;
  /** When the process started, as the system says it. */
  readonly start: string;
  /** Workflow after whose end the worker ends; null: none. */
  readonly until: string | null;
}

/** `4711@host machine/start`, and ` until WORKFLOW` where it ends with one. */
export function identityText({ pid, host, machine, start, until }: WorkerIdentity): string {
  return `${pid}@${host} ${machine}/${start}${until === null ? '' : ` until ${until}`}`;
}

/** Null where a worker of an earlier release, or somebody else's, polls under a name of its own. */
export function parseIdentity(text: string): WorkerIdentity | null {
  const [, pid, host = '', machine = '', start = '', until = null] =
    /^(\d+)@(\S*) ([^\s/]*)\/(\S*)(?: until (.+))?$/.exec(text) ?? [];
  return pid === undefined ? null : { pid: Number(pid), host, machine, start, until };
}
