import neostandard from 'neostandard'

export default [
  ...neostandard({ ts: true, noJsx: true, ignores: ['dist/**', '.tap/**'] }),
  {
    rules: {
      '@stylistic/max-len': ['error', { code: 120, ignoreUrls: true, ignoreRegExpLiterals: true, ignoreTemplateLiterals: true, ignoreStrings: true }],
      'promise/param-names': 'off'
    }
  },
  {
    files: ['test/**/*.ts'],
    rules: {
      'no-restricted-properties': ['error', { property: 'notHas', message: 'It takes values, and passes with any name: use `in`.' }]
    }
  },
  {
    files: ['lib/**/*.ts'],
    rules: {
      'max-lines': ['error', 250],
      'max-params': ['error', 4],
      'max-depth': ['error', 3],
      // As globals these are accessors, which every item of a batch would call many times.
      'no-restricted-globals': ['error', 'Buffer', 'performance', 'process'],
      '@typescript-eslint/no-explicit-any': 'error'
    }
  }
]
