"""The two forms that attacks have most, in other languages: an order to ignore other instructions, and one to tell no user.

They are matched in small letters without accents (`gates.server.letters.as_latin` leaves other scripts as they are).
"""

from __future__ import annotations

IGNORE: dict[str, str] = {
    "Spanish": (
        r"\b(ignora|ignore|olvida|olvide|omite|desestima|pasa por alto)\w*\b.{0,40}\b(instruccion|reglas?|indicacion|"
        r"mensajes?|ordenes|directrices)"
    ),
    "French": (
        r"\b(ignore|ignorez|oublie|oubliez|negligez|ne tiens? pas compte|ne tenez pas compte)\b.{0,50}\b(instructions?|"
        r"regles?|consignes?|messages?|directives?)\b.{0,40}\b(precedent|anterieur|ci-dessus|systeme|toutes|autres)?"
    ),
    "German": (
        r"\b(ignorier\w*|vergiss|vergessen sie|missacht\w*|beacht\w{0,3} nicht|uberschreib\w*)\b.{0,50}\b(anweisung|regel|"
        r"vorgabe|instruktion|nachricht|richtlinie)"
    ),
    "Portuguese": (
        r"\b(ignore|ignora|esqueca|desconsidere|desconsidera)\b.{0,40}\b(instruc\w+|regras?|mensagens|orientac\w+|"
        r"diretrizes)"
    ),
    "Italian": (
        r"\b(ignora|ignorare|ignorate|dimentica|trascura)\b.{0,40}\b(istruzion\w|regol\w|messagg\w|direttiv\w|"
        r"indicazion\w)"
    ),
    "Dutch": r"\b(negeer|vergeet|sla\b.{0,20}\bover)\b.{0,40}\b(instructies?|regels?|aanwijzingen|berichten|richtlijnen)",
    "Polish": r"\b(zignoruj|ignoruj|pomin|zapomnij)\b.{0,40}\b(instrukcj\w|polece\w+|zasad\w|wiadomosc\w|wytyczn\w+)",
    "Czech": r"\b(ignoruj\w*|zapomen\w*|prehlizej\w*)\b.{0,40}\b(pokyn\w*|instrukc\w*|pravid\w*|zprav\w*)",
    "Swedish": r"\b(ignorera|glom|bortse fran|strunta i)\b.{0,40}\b(instruktion\w*|regler\w*|anvisning\w*|meddeland\w*)",
    "Danish": (
        r"\b(ignorer|glem|se bort fra|tilsidesaet)\b.{0,40}\b(instruktion\w*|instruks\w*|regler\w*|anvisning\w*|besked\w*)"
    ),
    "Finnish": r"\b(ohita|unohda|ala valita|jata huomiotta)\b.{0,40}\b(ohje\w*|saanno\w*|maarayk\w*|viest\w*)",
    "Hungarian": r"\b(hagyd figyelmen kivul|felejtsd el|mellozd)\b.{0,40}\b(utasitas\w*|szabaly\w*|uzenet\w*)",
    "Romanian": r"\b(ignora|ignorati|uita|uitati)\b.{0,40}\b(instructiun\w+|reguli\w*|mesaj\w+|indicati\w+)",
    "Turkish": r"\b(talimat\w*|kural\w*|yonerge\w*|mesaj\w*)\b.{0,20}\b(yok say|gormezden gel|dikkate alma|unut)",
    "Indonesian": r"\b(abaikan|lupakan|jangan hiraukan)\b.{0,40}\b(instruksi|perintah|aturan|pesan|arahan)\b",
    "Vietnamese": r"\b(bo qua|quen|phot lo)\b.{0,40}\b(huong dan|chi dan|quy tac|lenh|tin nhan|chi thi)",
    "Russian": (
        r"(игнорир\w*|проигнорир\w*|забудь\w*|не\s+обраща\w*\s+внимани\w*).{0,40}(инструкци|указани|правил|сообщени|"
        r"команд)"
    ),
    "Ukrainian": r"(ігноруй\w*|проігноруй\w*|забудь\w*).{0,40}(інструкці|вказівк|правил|повідомлен|команд)",
    "Greek": r"(αγνοησ\w*|ξεχασ\w*|παραβλεψ\w*).{0,40}(οδηγι|κανον|εντολ|μηνυμα)",
    "Chinese": (
        r"(忽略|无视|無視|忘记|忘記|不要遵守|不要遵循|绕过|繞過).{0,16}"
        r"(指令|指示|说明|說明|提示|规则|規則|消息|要求|命令)"
    ),
    "Japanese": r"(指示|命令|ルール|規則|プロンプト|メッセージ|ガイドライン).{0,10}(無視|忘れ|従わない|従うな|上書き)",
    "Korean": r"(지시|명령|지침|규칙|프롬프트|메시지).{0,10}(무시|잊어|따르지)",
    "Arabic": r"(تجاهل|انس|لا تتبع).{0,30}(التعليمات|الاوامر|القواعد|الرسائل|التوجيهات|تعليمات)",
    "Persian": r"(دستور|قوانین|پیام|راهنمای).{0,30}(نادیده|فراموش)",
    "Hebrew": r"(התעלמ|התעלם|שכח|אל תציית).{0,30}(הוראות|ההוראות|כללים|הכללים|הודעות)",
    "Hindi": r"(निर्देश|नियम|आदेश|संदेश).{0,30}(अनदेखा|नजरअंदाज|भूल|उपेक्षा)",
    "Thai": r"(ละเว้น|เพิกเฉย|ลืม|ไม่ต้องสนใจ).{0,20}(คำสั่ง|คำแนะนำ|กฎ|ข้อความ)",
}
HIDE: dict[str, str] = {
    "Spanish": (
        r"\b(no|nunca|sin)\b.{0,15}\b(digas?|menciones?|informes?|informar|avises?|avisar|reveles?|muestres?|cuentes?|"
        r"decir\w*|preguntar\w*)\b.{0,25}\b(usuari[oa]|persona|humano)"
    ),
    "French": (
        r"\b(ne|n'|jamais|sans)\b.{0,15}\b(dis|dites|mentionne[rz]?|informe[rz]?|revele[rz]?|previen\w*|montre[rz]?|"
        r"avertir|demander)\b.{0,25}\butilisat"
    ),
    "German": (
        r"\b(sag\w*|erwahn\w*|informier\w*|zeig\w*|verrat\w*|mitteil\w*|teil\w*|frag\w*)\b.{0,25}\b(benutzer|nutzer|"
        r"anwender)\w*\b.{0,25}\b(nicht|nichts|nie|niemals)\b|\bohne\b.{0,20}\b(benutzer|nutzer|"
        r"anwender)\w*\b.{0,20}\b(zu )?(fragen|informieren|sagen)"
    ),
    "Portuguese": (
        r"\b(nao|nunca|sem)\b.{0,15}\b(diga|mencione|informe|informar|avise|avisar|revele|mostre|conte|perguntar|"
        r"dizer)\b.{0,25}\b(usuari[oa]|utilizador|pessoa)"
    ),
    "Italian": (
        r"\b(non|mai|senza)\b.{0,15}\b(dire|dirlo|menzion\w*|inform\w*|avvis\w*|rivel\w*|mostr\w*|"
        r"chieder\w*)\b.{0,25}\b(utente|persona)"
    ),
    "Dutch": (
        r"\b(vertel|zeg|meld|noem|informeer|toon)\b.{0,25}\bgebruiker\b.{0,20}\b(niet|niets|nooit)\b|"
        r"\bzonder\b.{0,20}\bgebruiker\b"
    ),
    "Polish": (
        r"\b(nie|nigdy|bez)\b.{0,15}\b(mow\w*|wspomin\w*|inform\w*|powiadam\w*|ujawni\w*|pokazuj\w*|"
        r"pytani\w*)\b.{0,25}\buzytkownik"
    ),
    "Swedish": r"\b(beratta|namn|informera|visa|avsloja)\b.{0,20}\b(inte|aldrig)\b.{0,20}\banvandar",
    "Turkish": r"\bkullanici\w*\b.{0,25}\b(soyleme|bahsetme|bildirme|haber verme|gosterme|sorma)",
    "Indonesian": (
        r"\b(jangan|tanpa)\b.{0,15}\b(beri ?tahu\w*|sebut\w*|katakan|tunjukkan|memberi ?tahu|bertanya)\b.{0,25}\bpengguna"
    ),
    "Vietnamese": r"\b(dung|khong|khong duoc)\b.{0,15}\b(noi|de cap|thong bao|cho biet|tiet lo|bao)\b.{0,25}\bnguoi dung",
    "Russian": (
        r"(не|никогда|без)\s.{0,15}(говори|сообща|упомина|показыва|раскрыва|рассказыва|спраш|уведомл).{0,25}пользовател"
    ),
    "Ukrainian": r"(не|ніколи)\s.{0,15}(кажи|повідомляй|згадуй|показуй|розкривай|розповідай).{0,25}користувач",
    "Greek": r"(μην?|ποτε).{0,15}(πεις|αναφερ|ενημερω|δειξ|αποκαλυψ).{0,25}χρηστη",
    "Chinese": (
        r"(不要|不得|切勿|别|別|勿|无需|無需|禁止).{0,8}"
        r"(告诉|告訴|告知|通知|提及|透露|显示|顯示|询问|詢問|让|讓|向).{0,8}(用户|用戶|使用者|人类|人類)"
        r"|(用户|用戶|使用者).{0,6}(不知情|不知道的情况下)"
    ),
    "Japanese": (
        r"(ユーザー?|利用者|人間).{0,8}"
        r"(言わない|伝えない|知らせない|教えない|見せない|通知しない|話さない|尋ねない|言うな|伝えるな|知らせずに|気づかれ)"
    ),
    "Korean": r"(사용자|유저|사람).{0,8}(말하지|알리지|언급하지|보여주지|묻지|공개하지|모르게)",
    "Arabic": r"(لا|دون|بدون).{0,10}(تخبر|تذكر|تكشف|تظهر|ابلاغ|اخبار|تعلم).{0,15}(المستخدم|مستخدم)",
    "Persian": r"(کاربر).{0,15}(نگو|اطلاع نده|نشان نده|خبر نده)",
    "Hebrew": r"(אל|בלי|מבלי).{0,10}(תספר|תגיד|תציין|תגלה|לספר|ליידע|תראה).{0,15}(למשתמש|משתמש)",
    "Hindi": r"(उपयोगकर्ता|यूज़र|यूजर).{0,15}(मत बता|न बता|नहीं बता|मत कह|सूचित न)",
}
