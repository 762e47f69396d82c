use minijinja::*;
fn main(){
 let a: Vec<String> = std::env::args().collect(); let n: usize = a[2].parse().unwrap();
 let src = match a[1].as_str() {
  "neg" => format!("{{{{ {} }}}}", "-".repeat(n)+"1"),
  "not" => format!("{{{{ {} }}}}", "not ".repeat(n)+"1"),
  "attr" => format!("{{{{ a{} }}}}", ".b".repeat(n)),
  "add" => format!("{{{{ a{} }}}}", "+a".repeat(n)),
  "pipe" => format!("{{{{ a{} }}}}", "|upper".repeat(n)),
  "and" => format!("{{{{ a{} }}}}", " and a".repeat(n)),
  "pow" => format!("{{{{ a{} }}}}", "**a".repeat(n)),
  "if" => "{% if a %}".repeat(n)+&"{% endif %}".repeat(n),
  "elif" => "{% if a %}".to_string()+&"{% elif a %}".repeat(n)+"{% endif %}",
  "tern" => format!("{{{{ {} 1 }}}}", "1 if a else ".repeat(n)),
  "call" => format!("{{{{ a{} }}}}", "()".repeat(n)),
  "cmp" => format!("{{{{ a{} }}}}", "<a".repeat(n)),
  "is" => format!("{{{{ a{} }}}}", " is defined".repeat(n)),
  _ => panic!() };
 std::thread::Builder::new().stack_size(2<<20).spawn(move || {
 let mut env = Environment::new(); env.set_debug(true); env.set_fuel(Some(500000));
 let r = env.template_from_str(&src);
 match r { Err(e)=>println!("{e}"), Ok(t)=>{ let u=t.undeclared_variables(false).len(); println!("compiled {u}"); match t.render(context!{a=>1}) {Ok(x)=>println!("ok {}", x.len()),Err(e)=>println!("{e}")} } } }).unwrap().join().unwrap();
}
