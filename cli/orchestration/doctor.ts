// doctor: versions, devices, servers, the store, Temporal: what is there, and what to do about what is not.
import { doctorDocument } from '../../schemas/documents/runs.js';
import { EXIT } from '../../schemas/exit.js';
import { AssayError } from '../../schemas/errors.js';
import { locateServer } from '../../servers/locate.js';
import type { ProviderState } from '../../runtime/devices.js';
import { probeDevicesApart } from '../../runtime/probe-apart.js';
import type { Provider } from '../../runtime/provider.js';
import { probeStore } from '../../storage/probe/probe-store.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import type { CommandContext } from '../command.js';
import { doctorText, refusalText, type Check } from '../render/doctor-text.js';
import { openChosenStore } from '../store-choice.js';
import { withTemporal } from './temporal-client.js';

const NODE = [20, 19] as const;

export async function doctor(context: CommandContext): Promise<number> {
  const checks = [
    nodeCheck(),
    ...(await deviceChecks()),
    ...(await serverChecks()),
    ...(await storeChecks(context)),
    await temporalCheck(context),
  ];
  const ok = checks.every((check) => check.ok || check.optional !== undefined);
  const rows = checks.map(({ name, ok: fine, found, remedy }) => ({
    name,
    ok: fine,
    found,
    remedy,
  }));
  context.output.result(doctorDocument, { ok, checks: rows }, () => [doctorText(checks)]);
  return ok ? EXIT.done : EXIT.failed;
}

function nodeCheck(): Check {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const ok = major > NODE[0] || (major === NODE[0] && minor >= NODE[1]);
  return {
    name: 'Node.js',
    ok,
    found: process.versions.node,
    remedy: ok ? null : `install Node.js ${NODE.join('.')} or newer`,
  };
}

async function deviceChecks(): Promise<Check[]> {
  const devices = await probeDevicesApart().catch((error: unknown) => message(error));
  if (typeof devices === 'string')
    return [{ name: 'ONNX Runtime', ok: false, found: devices, remedy: 'reinstall the packages (npm ci)' }];
  const runtime: Check = {
    name: 'ONNX Runtime',
    ok: true,
    found: `${devices.ort}, CPU class ${devices.cpu}, ${devices.cores} cores`,
    remedy: null,
  };
  return [runtime, ...devices.providers.map(providerCheck)];
}

const PROVIDER_REMEDIES: Readonly<Record<Provider, string>> = {
  cpu: 'reinstall the packages (npm ci)',
  cuda: 'for NVIDIA cards: see "GPU workers" in docs/operations.md',
  webgpu: 'needs a Vulkan driver (libvulkan)',
};

function providerCheck({ provider, loads, reason }: ProviderState): Check {
  return {
    name: `provider ${provider}`,
    ok: loads,
    ...(provider === 'cpu' ? {} : { optional: 'extra' as const }),
    found: loads ? 'loads' : refusalText(reason ?? ''),
    remedy: PROVIDER_REMEDIES[provider],
  };
}

async function serverChecks(): Promise<Check[]> {
  const one = async (name: 'temporal' | 'minio', optional: 'extra' | 'later'): Promise<Check> => {
    try {
      return { name: `program ${name}`, ok: true, found: await locateServer(name), remedy: null };
    } catch (error) {
      return {
        name: `program ${name}`,
        ok: false,
        optional,
        found: optional === 'extra' ? '' : 'not found',
        remedy: message(error),
      };
    }
  };
  return [await one('temporal', 'later'), await one('minio', 'extra')];
}

async function storeChecks(context: CommandContext): Promise<Check[]> {
  let store: ObjectStore | null = null;
  try {
    store = await openChosenStore(await context.chooseStore(), context.output);
    const results = await probeStore(store);
    const { url } = store;
    return results.map(({ check, ok, detail }) => ({
      name: `store: ${check}`,
      ok,
      found: `${detail} (${url})`,
      remedy: ok ? null : 'use another store; docs/operations.md lists those that keep the promises',
    }));
  } catch (error) {
    const named = context.storeOption !== null || context.environment.store !== null;
    return [
      {
        name: 'store',
        ok: false,
        ...(named ? {} : { optional: 'later' as const }),
        found: 'none chosen or not usable',
        remedy: message(error),
      },
    ];
  } finally {
    await store?.close();
  }
}

async function temporalCheck(context: CommandContext): Promise<Check> {
  try {
    return await withTemporal(context, async (client, at) => {
      const info = await client.workflowService.getSystemInfo({});
      return {
        name: 'Temporal',
        ok: true,
        found: `server ${info.serverVersion} at ${at.address}`,
        remedy: null,
      };
    });
  } catch (error) {
    return {
      name: 'Temporal',
      ok: false,
      optional: 'later',
      found: 'no server answers',
      remedy: message(error),
    };
  }
}

function message(error: unknown): string {
  return error instanceof AssayError || error instanceof Error ? firstLine(error.message) : String(error);
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? '';
}
