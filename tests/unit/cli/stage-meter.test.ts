// The line of progress: speed and time left are counted from what was seen, and silence of the workers is told.
import { describe, expect, it } from 'vitest';
import { StageMeter } from '../../../cli/orchestration/stage-meter.js';
import { liveLineText } from '../../../cli/terminal/live-line.js';
import type { StageMeasure } from '../../../cli/orchestration/stage-meter.js';

const training: StageMeasure = {
  ...{ stage: 'train', done: 0, planned: 1, size: 40_000, quarantined: 0, steps: 1464 },
};
const shown = (meter: StageMeter, ...of: Parameters<StageMeter['line']>): string => liveLineText(meter.line(...of));
const beat = (step: number, atMs: number): Parameters<StageMeter['line']>[1] => ({
  ...{ atMs, stage: 'train', progress: { step } },
});

describe('the line of a training', () => {
  it('shows step, total, speed and time left from two beats', () => {
    const meter = new StageMeter();
    meter.start('train', 1000);
    expect(shown(meter, training, beat(512, 16_000), 17_000)).toContain('step 512 of 1,464');
    // 300 steps in 15 s are 20 a second; the 652 that are left take 32.6 s.
    const line = shown(meter, training, beat(812, 31_000), 32_000);
    expect(line).toContain('step 812 of 1,464  20.0 steps/s  33 s left');
    // 812 / 1464 of 20 columns are 11.
    expect(line).toContain(`${'█'.repeat(11)}${'░'.repeat(9)}`);
  });

  it('has a bar of its steps also where the dictionary is there and trained again', () => {
    const again = { ...training, done: 1, steps: 146 };
    // 117 / 146 of 20 columns are 16.03.
    const line = shown(new StageMeter(), again, beat(117, 1000), 2000);
    expect(line).toBe(`train        ${'█'.repeat(16)}${'░'.repeat(4)} step 117 of 146`);
  });

  it('leaves the total out where dictionaries differ in length', () => {
    const meter = new StageMeter();
    expect(shown(meter, { ...training, steps: null }, beat(7, 1000), 2000)).toMatch(/step 7$/);
  });

  it('says what it does before its first step', () => {
    const doing = (what: string | null) => ({ atMs: 1000, stage: 'train' as const, progress: { doing: what } });
    expect(shown(new StageMeter(), training, doing('compiling'), 2000)).toMatch(/░ compiling its step$/);
    const reading = { ...beat(0, 1000), progress: { step: 0, doing: 'reading' } } as ReturnType<typeof beat>;
    expect(shown(new StageMeter(), training, reading, 2000)).toMatch(/reading rows {2}step 0 of 1,464$/);
    expect(shown(new StageMeter(), training, doing(null), 2000)).toMatch(/░ starting$/);
  });

  it('takes no step of an earlier attempt for one of this, nor its silence', () => {
    const meter = new StageMeter();
    meter.start('train', 100_000);
    expect(shown(meter, training, beat(1464, 1000), 101_000)).toBe(`train        ${'░'.repeat(20)} starting`);
    expect(shown(meter, training, beat(12, 102_000), 103_000)).toContain('step 12 of 1,464');
  });

  it('shows no step of another stage', () => {
    const other = { atMs: 1000, stage: 'activations' as const, progress: { step: 3 } };
    expect(shown(new StageMeter(), training, other, 2000)).not.toContain('step');
  });
});

describe('the line of any stage', () => {
  it('counts speed and time left from what was done since it was first seen', () => {
    const meter = new StageMeter();
    const measure: StageMeasure = {
      ...{ stage: 'encode', done: 2, planned: 10, size: 1000, quarantined: 1, steps: null },
    };
    meter.start('encode', 0);
    meter.line(measure, null, 0);
    // 2 of 10 shards of 1,000 tokens in 4 s: 50 tokens/s, the 6 left take 12 s.
    expect(shown(meter, { ...measure, done: 4 }, null, 4000)).toContain(
      '4 / 10  50 tokens/s  12 s left  1 quarantined',
    );
  });

  it('says when no worker gave a sign of life', () => {
    const measure: StageMeasure = {
      ...{ stage: 'encode', done: 2, planned: 10, size: 1000, quarantined: 0, steps: null },
    };
    const old = { atMs: 0, stage: 'encode' as const };
    expect(shown(new StageMeter(), measure, old, 61_000)).toContain('no sign of life for 61 s');
  });
});
