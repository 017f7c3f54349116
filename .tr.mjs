import { build } from 'esbuild'; import { readFileSync, writeFileSync } from 'node:fs';
await build({ entryPoints:{main:'src/main.ts'}, outdir:'.trace', outExtension:{'.js':'.cjs'}, bundle:true, minify:false, platform:'node', target:'node24', format:'cjs', supported:{'dynamic-import':false}, external:['bufferutil','utf-8-validate','cpu-features','better-sqlite3'], logLevel:'error' });
let t=readFileSync('.trace/main.cjs','utf8');
t=t.replace(/var __esm = \(fn, res[^\n]*\n/, m=>'globalThis.__mods=[];\n'+m+'');
t=t.replace('var __esm = (fn, res) => function __init() {','var __esm = (fn, res) => function __init() { if (fn && !fn.__t) { fn.__t=1; const n=Object.getOwnPropertyNames(fn)[0]; const h0=process.memoryUsage().heapUsed; globalThis.__depth=(globalThis.__depth||0); __mods.push([n]); }');
t=t.replace('var __commonJS = (cb, mod) => function __require() {','var __commonJS = (cb, mod) => function __require() { if (!mod) __mods.push([Object.getOwnPropertyNames(cb)[0]]);');
writeFileSync('.trace/main.cjs', 'globalThis.__mods=[];\n'+t+'\nprocess.on("SIGUSR2",()=>{require("fs").writeFileSync("/tmp/xl/mods.json",JSON.stringify(__mods))});');
