// How tensors are computed for a run, and how its sources in S3 are opened: what a configuration says, resolved once.
import { probeDevices, resolveAutoProvider } from '../../runtime/devices.js';
import { ORT_VERSION } from '../../runtime/session.js';
import { InputError } from '../../schemas/errors.js';
import type { RunFile } from '../../schemas/run-file.js';
import type { EngineConfig } from '../../schemas/stored.js';
import type { OpenSource } from '../../stages/corpus/part-files.js';
import { openStore } from '../../storage/objects/open-store.js';

/** The engine that a configuration's section `compute` means on this machine. @throws InputError where webgpu does not load */
export async function resolveEngine(
  compute: Pick<RunFile['compute'], 'device' | 'threadsPerSession'>,
): Promise<EngineConfig> {
  const { device, threadsPerSession } = compute;
  const provider = device === 'auto' ? await resolveAutoProvider() : device;
  if (device === 'webgpu') {
    const state = (await probeDevices(['webgpu'])).providers[0];
    if (state?.loads === false)
      throw new InputError(
        `compute.device is webgpu, which does not load here: ${state.reason ?? ''}. Use cpu, or see \`assay doctor\`.`,
      );
  }
  return { ort: ORT_VERSION, provider, threads: threadsPerSession, optimisation: 'all' };
}

/** Opens sources in S3 with the run's own connection settings. */
export function sourceOpener(file: Pick<RunFile, 'storeOptions'>): OpenSource {
  return (url) => openStore(url, { storeOptions: file.storeOptions });
}
