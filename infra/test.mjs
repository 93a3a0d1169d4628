// `npm test`: set-up, then every test; the last line is `N passed, N failed` from the runner's own report. A runner
// that crashes, hangs or reports nothing is a failure.
import { spawn } from 'node:child_process';
import { mkdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { ROOT, isMain, main } from './processes.mjs';
import { setUp } from './setup.mjs';

/** Longest time for all tests together; .ci/run promises 90 minutes with the set-up. */
const LIMIT_MS = 75 * 60_000;

/**
 * Counts of a report of the JSON reporter. A file that could not be loaded counts as one failure.
 * @param exitCode of the runner: other than 0 without a failed test (an unhandled error) counts as one failure
 */
export function countTests(report, exitCode) {
  const tests = report.testResults.flatMap((file) => file.assertionResults);
  const of = (status) => tests.filter((test) => test.status === status).length;
  const brokenFiles = report.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((t) => t.status === 'failed'),
  ).length;
  const passed = of('passed');
  const failed = of('failed') + brokenFiles;
  const skipped = tests.length - passed - of('failed');
  const unexplained = failed === 0 && (exitCode !== 0 || passed === 0);
  return { passed, failed: unexplained ? 1 : failed, skipped, files: report.testResults.length };
}

async function runTests(args) {
  await setUp({ servers: ['temporal', 'minio'] });
  const file = path.join(ROOT, 'tests', '.report', 'results.json');
  await mkdir(path.dirname(file), { recursive: true });
  await rm(file, { force: true });
  const start = Date.now();
  const exitCode = await runVitest([`--outputFile.json=${file}`, ...args]);
  const report = await readFile(file, 'utf8').then(JSON.parse, () => null);
  const minutes = ((Date.now() - start) / 60_000).toFixed(1);
  if (report === null) {
    console.log(`\nThe test runner ended with code ${exitCode} and left no report.`);
    return summary({ passed: 0, failed: 1 });
  }
  const counts = countTests(report, exitCode);
  console.log(`\n${counts.files} files, ${counts.skipped} skipped, ${minutes} min, runner's exit code ${exitCode}`);
  listFailures(report);
  return summary(counts);
}

function listFailures(report) {
  for (const file of report.testResults) {
    const name = path.relative(ROOT, file.name);
    const failed = file.assertionResults.filter((test) => test.status === 'failed');
    for (const test of failed) console.log(`failed: ${name}: ${test.fullName}`);
    if (file.status === 'failed' && failed.length === 0) console.log(`failed: ${name}`);
  }
}

/** Prints the last line. @returns the exit code */
function summary({ passed, failed }) {
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

/** Runs the test runner in a process group of its own, so that what its tests left behind ends with it. */
function runVitest(args) {
  const vitest = path.join(ROOT, 'node_modules', 'vitest', 'vitest.mjs');
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [vitest, 'run', '--reporter=default', '--reporter=json', ...args], {
      cwd: ROOT,
      stdio: ['ignore', 'inherit', 'inherit'],
      detached: true,
    });
    const endGroup = (signal) => {
      try {
        process.kill(-child.pid, signal);
      } catch {
        // Nothing of it is left.
      }
    };
    const late = setTimeout(() => {
      console.log(`\nThe tests did not end within ${LIMIT_MS / 60_000} minutes.`);
      endGroup('SIGKILL');
    }, LIMIT_MS);
    const pass = (signal) => endGroup(signal);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, pass);
    child.on('error', (error) => {
      console.error(error.message);
      resolve(1);
    });
    child.on('exit', (code, signal) => {
      clearTimeout(late);
      endGroup('SIGKILL');
      resolve(code ?? `signal ${signal}`);
    });
  });
}

if (isMain(import.meta.url)) {
  const usage = {
    command: 'npm test [-- FILE… and options of vitest]',
    does: 'Sets up what is missing, starts real servers and runs every test, or those of the files named.',
    names: null,
  };
  await main(usage, async (args) => {
    try {
      return await runTests(args);
    } catch (error) {
      console.error(error.message);
      return summary({ passed: 0, failed: 1 });
    }
  });
}
