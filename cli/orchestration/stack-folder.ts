// The folder whose local stack a command means.
import type { CommandContext } from '../command.js';
import { findLocalConfig } from '../local-config.js';

/** Folder of the stack: where the nearest `.assay` lies, else the current one. */
export async function stackFolder(context: CommandContext): Promise<string> {
  return (await findLocalConfig(context.io.cwd))?.folder ?? context.io.cwd;
}
