// What doctor shows: what is missing and why in a sentence, nothing of a library's inside, names whole at 80 columns; and that the
// probe of the devices makes no noise.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { doctorText, refusalText } from '../../../cli/render/doctor-text.js';
import { layoutText } from '../../../cli/terminal/text.js';
import { probeDevicesApart } from '../../../runtime/probe-apart.js';
import { ResourceError } from '../../../schemas/errors.js';
import { temporaryFolder } from '../../harness/temporary-folder.js';

const says = (text: string): string =>
  `Expected the provider "x" to load, ONNX Runtime 1.30.0 says: ${text}. Set compute.device to cpu, or install what the provider needs.`;

describe('why a provider is not there', () => {
  it.each([
    ['OrtSessionOptionsAppendExecutionProvider_Cuda: Failed to load shared library', 'Failed to load shared library'],
    [
      '/onnxruntime_src/onnxruntime/core/providers/webgpu/webgpu_context.cc:136 onnxruntime::webgpu::WebGpuContext::Initialize(const onnxruntime::webgpu::WebGpuContextConfig&)::<lambda()> adapter_result.status == wgpu::RequestAdapterStatus::Success was false. Failed to get a WebGPU adapter: No supported adapters',
      'Failed to get a WebGPU adapter: No supported adapters',
    ],
  ])('%s', (text, expected) => {
    expect(refusalText(says(text))).toBe(expected);
  });

  it('is as it stands where no library said it', () => {
    expect(refusalText('its numbers are wrong')).toBe('its numbers are wrong');
  });
});

describe('the table of doctor', () => {
  const path = '/projects/someone/assay/.cache/bin/temporal';
  const shown = (columns: number): string =>
    layoutText(
      [
        doctorText([
          { name: 'program temporal', ok: true, found: path, remedy: null },
          { name: 'provider cuda', ok: false, optional: 'extra', found: 'Failed to load', remedy: 'see the docs' },
          { name: 'program minio', ok: false, optional: 'extra', found: '', remedy: null },
          { name: 'Temporal', ok: false, optional: 'later', found: 'no server answers', remedy: 'assay up' },
          { name: 'store', ok: false, found: 'none', remedy: null },
        ]),
      ],
      { columns, colour: false },
    );

  it('says of what is optional that it is, and what fails', () => {
    expect(shown(80).split('\n')).toEqual([
      '        check             found',
      `ok      program temporal  ${path}`,
      '-       provider cuda     optional, not here: Failed to load',
      '                          → see the docs',
      '-       program minio     optional, not here',
      '-       Temporal          no server answers',
      '                          → assay up',
      'FAILED  store             none',
      '',
    ]);
  });

  it('keeps paths whole', () => {
    expect(shown(60)).toContain(path);
  });
});

describe('the probe of devices', () => {
  const folder = temporaryFolder('probe');

  it('tells of a machine whose libraries end the process', async () => {
    const entry = join(folder, 'dies.mjs');
    await writeFile(entry, `console.error('C++ noise'); process.kill(process.pid, 'SIGKILL');`);
    await expect(probeDevicesApart(entry)).rejects.toThrow(ResourceError);
    await expect(probeDevicesApart(entry)).rejects.toThrow(/ended before that \(signal SIGKILL\)/);
  });

  it('passes on what the process found', async () => {
    const entry = join(folder, 'finds.mjs');
    await writeFile(
      entry,
      `process.send({ ort: '1', cpu: 'c', cores: 1, providers: [] }, () => process.disconnect());`,
    );
    expect(await probeDevicesApart(entry)).toEqual({ ort: '1', cpu: 'c', cores: 1, providers: [] });
  });
});
