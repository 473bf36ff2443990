//! HTTP, as little of it as the fake hub needs: one request for each connection.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, atomic::Ordering},
    thread,
    time::Duration,
};

use super::{
    Asked, Fault, Shared,
    answer::{Answer, answer},
};

/// Answers every connection in a thread of its own, for as long as the hub lives.
pub(super) fn start(listener: TcpListener, shared: Arc<Shared>, is_store: bool) {
    listener.set_nonblocking(true).expect("a listener that can be asked");
    thread::spawn(move || {
        while !shared.closed.load(Ordering::SeqCst) {
            match listener.accept() {
                Ok((stream, _)) => {
                    let shared = Arc::clone(&shared);
                    thread::spawn(move || drop(serve(stream, &shared, is_store)));
                }
                Err(_) => thread::sleep(Duration::from_millis(2)),
            }
        }
    });
}

fn serve(stream: TcpStream, shared: &Shared, is_store: bool) -> std::io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_nodelay(true)?;
    let asked = match read_request(&stream, is_store) {
        Ok(Some(asked)) => asked,
        // What is no HTTP, such as TLS, is answered as real servers do it.
        _ => return (&stream).write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"),
    };
    let (answer, fault) = {
        let mut state = shared.state();
        let fault = state.faults.iter_mut().find(|planned| planned.times > 0 && asked.target.contains(&planned.part));
        let fault = fault.map(|planned| {
            planned.times -= 1;
            planned.fault.clone()
        });
        (answer(&asked, &state, &shared.store, matches!(fault, Some(Fault::NoRange(_)))), fault)
    };
    let number = {
        let mut state = shared.state();
        state.asked.push(asked);
        state.asked.len() - 1
    };
    let sent = send(stream, with_fault(answer, fault.as_ref()), fault.as_ref(), shared);
    if let Some(asked) = shared.state().asked.get_mut(number) {
        asked.sent = sent;
    }
    Ok(())
}

fn read_request(stream: &TcpStream, of_store: bool) -> std::io::Result<Option<Asked>> {
    let mut lines = BufReader::new(stream.take(1 << 16)).lines();
    let Some(first) = lines.next().transpose()? else { return Ok(None) };
    let target = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut asked = Asked { target, range: None, authorization: None, of_store, sent: 0 };
    for line in lines {
        let line = line?;
        let Some((name, value)) = line.split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "range" => asked.range = Some(value.trim().to_owned()),
            "authorization" => asked.authorization = Some(value.trim().to_owned()),
            _ => {}
        }
    }
    Ok(Some(asked))
}

fn with_fault(mut answer: Answer, fault: Option<&Fault>) -> Answer {
    match fault {
        Some(Fault::Status(status, headers)) => Answer::new(*status, headers, Vec::new()),
        Some(Fault::Redirect(location)) => Answer::new(302, &format!("Location: {location}\r\n"), Vec::new()),
        Some(Fault::Body(body)) => Answer { body: body.clone(), ..answer },
        Some(Fault::Damage) if !answer.body.is_empty() => {
            answer.body[0] ^= 1;
            answer
        }
        _ => answer,
    }
}

/// Sends an answer, and tells how much of its body.
fn send(mut stream: TcpStream, answer: Answer, fault: Option<&Fault>, shared: &Shared) -> u64 {
    let Answer { status, headers, body } = answer;
    let length = body.len();
    let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n");
    let end = match fault {
        Some(Fault::CutAfter(bytes) | Fault::SilentAfter(bytes) | Fault::NoRange(bytes)) => (*bytes).min(length),
        _ => length,
    };
    let sent = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body[..end])).is_ok();
    while matches!(fault, Some(Fault::SilentAfter(_))) && !shared.closed.load(Ordering::SeqCst) {
        thread::sleep(Duration::from_millis(20));
    }
    if sent { end as u64 } else { 0 }
}
