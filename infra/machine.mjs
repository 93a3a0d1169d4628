// What a measurement ran on, so that a recorded number names its machine.
import os from 'node:os';
import { outputOf, ROOT } from './processes.mjs';

/** Processor, cores, memory, system and Node of this machine. */
export function describeMachine() {
  const cpus = os.cpus();
  return {
    cpu: cpus[0]?.model.trim() ?? 'unknown',
    cores: cpus.length,
    memoryGB: Math.round(os.totalmem() / 2 ** 30),
    system: `${os.platform()} ${os.release()} ${os.arch()}`,
    node: process.versions.node,
  };
}

/** Commit of the checkout, with `+changes` where files differ from it; 'unknown' outside git. */
export async function describeCommit() {
  const commit = await outputOf('git', ['-C', ROOT, 'rev-parse', 'HEAD']);
  if (commit === null) return 'unknown';
  const changes = await outputOf('git', ['-C', ROOT, 'status', '--porcelain', '--untracked-files=no']);
  return changes ? `${commit}+changes` : commit;
}
