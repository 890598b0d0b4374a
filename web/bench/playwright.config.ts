import { defineConfig } from '@playwright/test'
import base from '../playwright.config'

// What make bench-dashboard measures: outside the tests' folder, one after another, with a
// browser of its own for each first view.
export default defineConfig({ ...base, testDir: '.', testMatch: '*.bench.ts', outputDir: '../test-results', timeout: 600_000, reporter: [['line']] })
