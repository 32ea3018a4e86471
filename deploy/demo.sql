-- The demo catalogue (deploy/up --demo): 200 facilitators, 20,000 people, 10,000 events over two years, half of them past, and
-- 50,000 past bookings with their payments, refunds and reviews, in ten languages, four time zones and four currencies; then what
-- demo_featured.sql describes. Run by `psql -1` as the
-- cluster's owner with -v demo_hash=… (Argon2id of the one password of all demo accounts). Does nothing where it has run before.
-- Accounts: demo@example.com, facilitator@example.com and admin@example.com; facilitator2@demo.tithi.example … facilitator200@…;
-- person2@demo.tithi.example … person20000@…

\set ON_ERROR_STOP on
SELECT EXISTS (SELECT FROM users WHERE lower(email) = 'facilitator2@demo.tithi.example') AS demo_loaded \gset
\if :demo_loaded
\echo 'The demo catalogue is loaded already.'
\else
SET LOCAL synchronous_commit = off;

-- One item of a list, the same for the same number and salt.
CREATE FUNCTION pg_temp.chance(number bigint, salt bigint, below bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS
    'SELECT (hashint8extended($1, $2) & 9007199254740991) % $3';
CREATE FUNCTION pg_temp.pick(items text[], number bigint, salt bigint) RETURNS text LANGUAGE sql IMMUTABLE AS
    'SELECT $1[1 + (hashint8extended($2, $3) & 9007199254740991) % cardinality($1)]';
-- That many items one after another, from a place that the number decides.
CREATE FUNCTION pg_temp.several(items text[], number bigint, salt bigint, count integer, separator text) RETURNS text LANGUAGE sql IMMUTABLE AS
    'SELECT string_agg($1[1 + (pg_temp.chance($2, $3, cardinality($1)) + i) % cardinality($1)], $5 ORDER BY i) FROM generate_series(1, $4) i';

-- The first address, where nobody has it yet.
CREATE FUNCTION pg_temp.address(wanted text, otherwise text) RETURNS text LANGUAGE sql STABLE AS
    'SELECT CASE WHEN EXISTS (SELECT FROM users WHERE lower(email) = $1) THEN $2 ELSE $1 END';

-- What a language's events are made of. title: %1$s practice, %2$s when or how, %3$s kind of event.
CREATE TEMP TABLE demo_languages (
    language  text PRIMARY KEY,
    zone      text,
    currency  text,
    unit      bigint,   -- one step of a price, in minor units
    title     text,
    kinds     text[],   -- session, workshop, retreat
    practices text[],
    manners   text[],
    sentences text[],
    separator text,     -- between sentences
    places    text[],
    bio       text      -- %1$s practice, %2$s years
) ON COMMIT DROP;

INSERT INTO demo_languages VALUES
('en-IN', 'Asia/Kolkata', 'INR', 5000, '%2$s %1$s %3$s',
 '{Session,Workshop,Retreat}',
 '{Hatha Yoga,Pranayama,Vipassana Meditation,Ayurveda,Kirtan,Yoga Nidra,Bharatanatyam,Vedic Chanting,Trataka,Sound Bath}',
 '{Morning,Sunrise,Evening,Beginners’,Gentle,Monsoon,Full Moon,Weekend,Silent,Himalayan}',
 '{"Open to everyone; mats and props are provided.","Please come with a light stomach and wear loose, comfortable clothes.","We begin with breathing, move slowly into the practice and end in silence.","Small group, so that everybody gets individual attention.","A simple sattvic meal is included.","No experience is needed: curiosity is enough."}',
 ' ',
 '{"Shanti Studio, Indiranagar, Bengaluru","Ganga View Ashram, Rishikesh","Lodhi Garden, New Delhi","Osho Park Hall, Pune","Beach House, Gokarna","Banjara Hills Centre, Hyderabad"}',
 'Has taught %1$s for %2$s years, first in an ashram and now in small groups of beginners.'),
('hi', 'Asia/Kolkata', 'INR', 5000, '%2$s %1$s – %3$s',
 '{सत्र,कार्यशाला,शिविर}',
 '{योग,ध्यान,प्राणायाम,विपश्यना,भक्ति संगीत,योग निद्रा,आयुर्वेद परिचय,सूर्य नमस्कार,मंत्र जप,कथक}',
 '{सुबह के समय,शाम के समय,शुरुआती लोगों के लिए,पूर्णिमा पर,सप्ताहांत में,परिवार के साथ,गंगा किनारे,मौन में}',
 '{"सभी का स्वागत है, पहले से अनुभव ज़रूरी नहीं है।","कृपया ढीले और आरामदायक कपड़े पहनकर आएँ।","हम साँस के अभ्यास से शुरू करेंगे और मौन में समाप्त करेंगे।","चटाई और सामग्री हम देंगे।","सात्विक भोजन शामिल है।","छोटा समूह, ताकि हर व्यक्ति पर ध्यान दिया जा सके।"}',
 ' ',
 '{"परमार्थ निकेतन, ऋषिकेश","शांति कुंज, हरिद्वार","अस्सी घाट, वाराणसी","योग भवन, जयपुर","कला केंद्र, भोपाल"}',
 '%2$s वर्षों से %1$s सिखा रहे हैं और हर उम्र के लोगों के साथ काम करते हैं।'),
('ta', 'Asia/Kolkata', 'INR', 5000, '%2$s %1$s – %3$s',
 '{அமர்வு,பயிலரங்கு,முகாம்}',
 '{யோகா,தியானம்,மூச்சுப் பயிற்சி,பரதநாட்டியம்,சித்த மருத்துவ அறிமுகம்,மந்திர ஜபம்,கர்நாடக இசை,சிலம்பம்}',
 '{காலை நேர,மாலை நேர,தொடக்கநிலை,பௌர்ணமி,வார இறுதி,குடும்பத்துடன்,கடற்கரையில்}',
 '{"அனைவரையும் அன்புடன் வரவேற்கிறோம்; முன் அனுபவம் தேவையில்லை.","தளர்வான, வசதியான உடை அணிந்து வரவும்.","மூச்சுப் பயிற்சியுடன் தொடங்கி அமைதியில் நிறைவு செய்வோம்.","பாய்களும் பொருட்களும் வழங்கப்படும்.","எளிய சைவ உணவு உண்டு."}',
 ' ',
 '{"மயிலாப்பூர் கலைக்கூடம், சென்னை","ஆரோவில், புதுச்சேரி","மீனாட்சி மண்டபம், மதுரை","ஈஷா வளாகம், கோயம்புத்தூர்"}',
 '%2$s ஆண்டுகளாக %1$s கற்பித்து வருகிறார்; அனைத்து வயதினருடனும் பணியாற்றுகிறார்.'),
('de', 'Europe/Berlin', 'EUR', 250, '%3$s: %1$s %2$s',
 '{Kurs,Workshop,Auszeit}',
 '{Yoga,Achtsamkeit,Atemübungen,Klangreise,Qigong,Waldbaden,Meditation,Pilates,Tanz,Schweigen}',
 '{am Morgen,am Abend,für Anfänger,bei Vollmond,am Wochenende,für Eltern und Kinder,in der Stille,im Grünen}',
 '{"Für alle geeignet, Vorkenntnisse sind nicht nötig.","Bitte bequeme Kleidung und warme Socken mitbringen.","Wir beginnen mit dem Atem, üben langsam und enden in der Stille.","Matten und Kissen sind vorhanden.","Vegetarisches Essen ist im Preis enthalten.","Kleine Gruppe, damit für jeden Zeit bleibt."}',
 ' ',
 '{"Yogahaus Kreuzberg, Berlin","Seminarhof Lüneburger Heide","Altes Pfarrhaus, Görlitz","Studio Schwabing, München","Speicher 7, Hamburg","Schlösschen am See, Überlingen"}',
 'Unterrichtet seit %2$s Jahren (Schwerpunkt: %1$s) und bildet Lehrende aus.'),
('fr', 'Europe/Berlin', 'EUR', 250, '%3$s : %1$s %2$s',
 '{Séance,Atelier,Retraite}',
 '{yoga,méditation,respiration,bain sonore,sophrologie,danse libre,écriture intuitive,pleine conscience}',
 '{au lever du soleil,en fin de journée,pour débutants,à la pleine lune,le week-end,en famille,en silence,à l’écoute de soi}',
 '{"Ouvert à toutes et à tous, sans expérience préalable.","Prévoyez une tenue souple et une couverture.","Nous commençons par le souffle et terminons dans le silence.","Les tapis sont fournis sur place.","Repas végétarien compris.","Petit groupe : chacun reçoit toute l’attention nécessaire."}',
 ' ',
 '{"Centre français, Berlin-Wedding","Maison de l’Europe, Sarrebruck","Salle Molière, Cologne","Villa des Tilleuls, Fribourg-en-Brisgau"}',
 'Enseigne depuis %2$s ans, avec une spécialité : %1$s.'),
('es', 'America/New_York', 'USD', 500, '%3$s: %1$s %2$s',
 '{Sesión,Taller,Retiro}',
 '{yoga,meditación,respiración consciente,baño de sonido,danza,temazcal,atención plena,cuencos tibetanos}',
 '{al amanecer,al atardecer,para principiantes,en luna llena,de fin de semana,en familia,en silencio,para el otoño}',
 '{"Abierto a todas las personas; no hace falta experiencia.","Trae ropa cómoda y una botella de agua.","Empezamos con la respiración y terminamos en silencio.","Las esterillas están incluidas.","Incluye comida vegetariana.","Grupo pequeño: ¡quedan pocas plazas!"}',
 ' ',
 '{"Casa Cultural, Queens","Jardín Comunitario, Bronx","Pequeña Habana, Miami","Centro Sol y Luna, Atlanta"}',
 'Lleva %2$s años enseñando; su especialidad: %1$s.'),
('en-US', 'America/New_York', 'USD', 500, '%2$s %1$s %3$s',
 '{Session,Workshop,Retreat}',
 '{Breathwork,Vinyasa Flow,Mindfulness,Sound Healing,Yin Yoga,Journaling,Tai Chi,Forest Bathing,Cold Plunge,Ecstatic Dance}',
 '{Morning,Lunchtime,Candlelight,Beginner,Restorative,Weekend,New Year,Full Moon,Silent,Catskills}',
 '{"All levels welcome, bring a friend.","Mats, blocks and blankets are provided.","We arrive, breathe, move and rest; you will leave lighter than you came.","Doors open fifteen minutes early.","Vegan lunch included.","Capped at a small group so that nobody is just a face in the crowd."}',
 ' ',
 '{"The Loft, Brooklyn","Riverside Park at 83rd St, New York","Harbor Studio, Boston","Omega Barn, Rhinebeck, NY","Rittenhouse Yoga, Philadelphia"}',
 '%2$s years on the mat and in front of it; %1$s is what it always comes back to.'),
('ar', 'America/New_York', 'USD', 500, '%3$s: %1$s %2$s',
 '{جلسة,ورشة,خلوة}',
 '{اليوغا,التأمل,تمارين التنفس,الخط العربي,الإنشاد,اليقظة الذهنية}',
 '{عند الفجر,في المساء,للمبتدئين,مع العائلة,في عطلة نهاية الأسبوع,في صمت}',
 '{"الجميع مرحب بهم ولا حاجة إلى خبرة سابقة.","نرجو ارتداء ملابس مريحة.","نبدأ بالتنفس وننتهي بالصمت.","نوفر السجادات والأدوات.","تشمل وجبة نباتية خفيفة."}',
 ' ',
 '{"المركز العربي، بروكلين","بيت الثقافة، ديربورن","قاعة الأندلس، باترسون"}',
 'خبرة %2$s سنوات في التدريس، والتخصص: %1$s.'),
('ja', 'Asia/Tokyo', 'JPY', 500, '%2$s%1$s%3$s',
 '{セッション,ワークショップ,リトリート}',
 '{ヨガ,瞑想,坐禅,呼吸法,太極拳,茶の湯,森林浴,サウンドバス}',
 '{朝の,夜の,はじめての,満月の,週末の,親子で楽しむ,静寂の,雨の日の}',
 '{"どなたでもご参加いただけます。初心者の方も安心してお越しください。","動きやすい服装でお越しください。","呼吸から始め、ゆっくりと体を動かし、静けさの中で終わります。","マットは無料でお貸しします。","精進料理の昼食付きです。","少人数制なので、一人ひとり丁寧にご案内します。"}',
 '',
 '{"代々木スタジオ、東京","建仁寺、京都","古民家の宿、高山","海辺のスタジオ、鎌倉","大濠公園、福岡"}',
 '指導歴%2$s年。専門は%1$sです。'),
('zh', 'Asia/Tokyo', 'JPY', 500, '%2$s%1$s%3$s',
 '{课程,工作坊,静修营}',
 '{瑜伽,冥想,太极拳,八段锦,书法,颂钵,正念,古琴}',
 '{清晨,傍晚,零基础,满月,周末,亲子,静心}',
 '{"欢迎所有人参加，无需经验。","请穿着宽松舒适的衣服。","从呼吸开始，在安静中结束。","场地提供瑜伽垫。","含素食午餐。"}',
 '',
 '{"横滨中华街会馆","池袋文化中心，东京","心斋桥工作室，大阪"}',
 '从教%2$s年，专长：%1$s。');

\ir demo_featured.sql

CREATE TEMP TABLE demo_names (names_of text PRIMARY KEY, pattern text, given text[], family text[]) ON COMMIT DROP;
INSERT INTO demo_names VALUES -- pattern: %1$s given name, %2$s family name
('en-IN', '%1$s %2$s', '{Aarav,Ananya,Rohan,Priya,Vikram,Kavya,Arjun,Meera,Siddharth,Isha,Rahul,Nandini}', '{Sharma,Iyer,Patel,Reddy,D’Souza,Nair,Kulkarni,Mehta,Singh,Banerjee,Rao,Fernandes}'),
('hi', '%1$s %2$s', '{आरव,अनन्या,रोहन,प्रिया,विक्रम,काव्या,अर्जुन,मीरा,सिद्धार्थ,ईशा}', '{शर्मा,वर्मा,मिश्रा,त्रिपाठी,चौहान,जोशी,यादव,सिंह,अग्रवाल}'),
('ta', '%2$s %1$s', '{கார்த்திக்,மீனா,முருகன்,லட்சுமி,அருண்,தமிழ்செல்வி,இளங்கோ,கயல்விழி}', '{சு.,இரா.,மு.,க.,பா.,வே.}'),
('bn', '%1$s %2$s', '{অনির্বাণ,মৌসুমী,সৌরভ,তানিয়া,ঋতুপর্ণা,অভিজিৎ}', '{চট্টোপাধ্যায়,সেন,ঘোষ,রহমান,দত্ত}'),
('de', '%1$s %2$s', '{Jürgen,Anneliese,Björn,Katharina,Günther,Lena,Matthias,Sören,Heike,Zoë}', '{Müller,Schäfer,Weiß,von der Heide,Köhler,Böhm,Groß,Yıldız,Lindström,Schmidt-Rottluff}'),
('fr', '%1$s %2$s', '{Élodie,François,Anaïs,Jérôme,Chloé,Loïc,Inès,Benoît}', '{Lefèvre,Dupont,Garçon,L’Hôpital,Benoît-Chevalier,Nguyễn,Traoré}'),
('es', '%1$s %2$s', '{José,Lucía,Íñigo,María Ángeles,Raúl,Ximena,Andrés,Begoña}', '{García Márquez,Núñez,Peña,Ibáñez,López-Ortega,Muñoz,Quiñones}'),
('en-US', '%1$s %2$s', '{Olivia,Liam,Emma,Noah,Ava,Elijah,Sophia,Mateo,Harper,Jackson}', '{O’Neill,Johnson,Nguyen,Kowalski,St. Clair,Washington,Cohen,McAllister,Park}'),
('ar', '%1$s %2$s', '{فاطمة,محمد,ليلى,يوسف,مريم,عمر,نور,خالد}', '{الحسيني,بن سعيد,المصري,حداد,النجار,الخطيب}'),
('ja', '%2$s %1$s', '{陽葵,蓮,結衣,大翔,さくら,健一,美咲,翔太}', '{佐藤,鈴木,髙橋,渡邊,小林,長谷川,齋藤}'),
('zh', '%2$s%1$s', '{秀英,伟,芳,雨桐,子轩,静怡,浩然}', '{王,李,欧阳,陈,黄,司马,林}'),
('ko', '%2$s%1$s', '{서연,민준,지우,하은,도윤,수아}', '{김,이,박,최,남궁,정}'),
('ru', '%1$s %2$s', '{Алёна,Дмитрий,Ольга,Сергей,Наталья,Фёдор}', '{Щербак,Королёв,Журавель,Коваленко,Чайка}'),
('el', '%1$s %2$s', '{Ελένη,Γιώργος,Σοφία,Νίκος,Αθηνά}', '{Παπαδοπούλου,Οικονόμου,Βασιλείου,Γεωργίου}');

CREATE TEMP TABLE demo_scripts ON COMMIT DROP AS
    SELECT row_number() OVER (ORDER BY names_of) AS number, names_of, pattern, given, family FROM demo_names;

CREATE TEMP TABLE demo_facilitators ON COMMIT DROP AS
    SELECT n AS number, nextval(pg_get_serial_sequence('users', 'id')) AS id, l.language, l.zone,
           coalesce(h.name, format(w.pattern, pg_temp.pick(w.given, n, 11), pg_temp.pick(w.family, n, 12))) AS name,
           coalesce(h.specialization, pg_temp.pick(l.practices, n, 13)) AS specialization,
           coalesce(h.bio, format(l.bio, pg_temp.pick(l.practices, n, 13), 3 + pg_temp.chance(n, 14, 25))) AS bio
    FROM generate_series(1, 200) n
        JOIN LATERAL (SELECT * FROM demo_languages ORDER BY language OFFSET (n + 1) % 10 LIMIT 1) l ON true
        JOIN demo_names w ON w.names_of = l.language
        LEFT JOIN demo_hosts h ON h.language = l.language AND n <= 10;
INSERT INTO users (id, email, name, phone, role, is_verified, bio, specialization, facilitator_crm_id, created_at, updated_at)
    SELECT id, CASE number WHEN 1 THEN pg_temp.address('facilitator@example.com', 'facilitator1@demo.tithi.example')
                           ELSE 'facilitator' || number || '@demo.tithi.example' END, name, '+1555' || lpad((2000000 + number)::text, 7, '0'), 'facilitator', true,
           bio, specialization, 'FAC' || lpad(number::text, 3, '0'),
           now() - interval '800 days' + number * interval '1 hour', now() - interval '800 days' + number * interval '1 hour'
    FROM demo_facilitators;

CREATE TEMP TABLE demo_people ON COMMIT DROP AS
    SELECT n AS number, nextval(pg_get_serial_sequence('users', 'id')) AS id,
           format(w.pattern, pg_temp.pick(w.given, n, 21), pg_temp.pick(w.family, n, 22)) AS name
    FROM generate_series(1, 20000) n
        JOIN demo_scripts w ON w.number = 1 + pg_temp.chance(n, 23, (SELECT count(*) FROM demo_scripts));
INSERT INTO users (id, email, name, phone, is_verified, created_at, updated_at)
    SELECT id, CASE number WHEN 1 THEN pg_temp.address('demo@example.com', 'person1@demo.tithi.example')
                           ELSE 'person' || number || '@demo.tithi.example' END, name,
           CASE WHEN pg_temp.chance(number, 24, 3) > 0 THEN '+1555' || lpad((3000000 + number)::text, 7, '0') END, true,
           now() - interval '790 days' + number * interval '1 minute', now() - interval '790 days' + number * interval '1 minute'
    FROM demo_people;

INSERT INTO users (email, name, role, is_verified)
    VALUES (pg_temp.address('admin@example.com', 'admin@demo.tithi.example'), 'Administrator', 'admin', true);

INSERT INTO credentials (user_id, password_hash)
    SELECT id, :'demo_hash' FROM demo_facilitators UNION ALL SELECT id, :'demo_hash' FROM demo_people UNION ALL
    SELECT id, :'demo_hash' FROM users WHERE id = currval(pg_get_serial_sequence('users', 'id'));

-- Numbers 1 … 5000 lie in the past year, 5001 … 10000 in the coming one. Past events come in pairs that share twenty bookings.
CREATE TEMP TABLE demo_events ON COMMIT DROP AS
    SELECT n AS number, nextval(pg_get_serial_sequence('events', 'id')) AS id, f.id AS facilitator_id, l.*, kind, n <= 5000 AS past,
           CASE WHEN n <= 5000
                THEN current_date - 2 - (n - 1) * 365 / 5000
                ELSE current_date + 6 + (n - 5001) * 365 / 5000 END AS day,
           CASE WHEN n > 5000 THEN 0
                WHEN n % 2 = 0 THEN 10 + pg_temp.chance(n / 2, 31, 9)
                ELSE 10 - pg_temp.chance((n + 1) / 2, 31, 9) END AS bookings,
           CASE WHEN pg_temp.chance(n, 32, 100) < 35 THEN 0
                ELSE l.unit * CASE kind WHEN 1 THEN 2 + pg_temp.chance(n, 33, 9)
                                        WHEN 2 THEN 10 + pg_temp.chance(n, 33, 21)
                                        ELSE 40 + pg_temp.chance(n, 33, 161) END END AS price_minor,
           pg_temp.chance(n, 34, 100) < 30 AS online, full_until_hours, half_until_hours
    FROM generate_series(1, 10000) n
        CROSS JOIN LATERAL (SELECT CASE WHEN pg_temp.chance(n, 35, 100) < 60 THEN 1
                                        WHEN pg_temp.chance(n, 35, 100) < 88 THEN 2 ELSE 3 END AS kind) k
        JOIN (VALUES (1, NULL, NULL), (2, 48, 24), (3, 336, 168)) AS policies (kind, full_until_hours, half_until_hours) USING (kind)
        JOIN demo_facilitators f ON f.number = 1 + pg_temp.chance(n, 36, 200)
        JOIN demo_languages l USING (language);
INSERT INTO events (id, facilitator_id, title, description, event_type, start_at, end_at, time_zone, location, virtual_link,
                    capacity, price_minor, currency, rating, language, cancellation_policy, created_at, updated_at)
    SELECT id, facilitator_id,
           format(title, pg_temp.pick(practices, number, 41), pg_temp.pick(manners, number, 42), kinds[kind]),
           pg_temp.several(sentences, number, 43, 2 + (number % 3)::integer, separator),
           (ARRAY['session', 'workshop', 'retreat'])[kind], start_at,
           start_at + CASE kind WHEN 1 THEN (60 + 15 * pg_temp.chance(number, 46, 3)) * interval '1 minute'
                                WHEN 2 THEN (2 + pg_temp.chance(number, 46, 5)) * interval '1 hour'
                                ELSE (2 + pg_temp.chance(number, 46, 5)) * interval '1 day' END,
           zone,
           CASE WHEN NOT online THEN pg_temp.pick(places, number, 47) END,
           CASE WHEN online THEN 'https://meet.tithi.example/' || substr(md5(number::text), 1, 12) END,
           CASE WHEN online AND pg_temp.chance(number, 48, 4) = 0 THEN NULL
                ELSE greatest(bookings, (ARRAY[6, 8, 10, 12, 15, 20, 24, 30, 40, 60, 120])[1 + pg_temp.chance(number, 49, 11)]) END,
           price_minor, currency,
           CASE WHEN pg_temp.chance(number, 50, 10) < 8 THEN 3.4 + pg_temp.chance(number, 51, 17) / 10.0 END,
           split_part(language, '-', 1),
           full_until_hours || '=100,' || half_until_hours || '=50',
           now() - interval '790 days' + place * interval '1 minute', now() - interval '790 days' + place * interval '1 minute'
    FROM (SELECT *, id - min(id) OVER () AS place, (day + (6 + pg_temp.chance(number, 52, 14)) * interval '1 hour') AT TIME ZONE zone AS start_at FROM demo_events) e;

ALTER TABLE demo_featured ADD COLUMN id bigint;
UPDATE demo_featured f SET id = o.id
    FROM (SELECT number, nextval(pg_get_serial_sequence('events', 'id')) AS id FROM (SELECT number FROM demo_featured ORDER BY number) n) o
    WHERE o.number = f.number;
INSERT INTO events (id, facilitator_id, title, description, event_type, start_at, end_at, time_zone, location, virtual_link,
                    capacity, price_minor, currency, language, cancellation_policy, created_at, updated_at)
    SELECT f.id, h.id, title, description, event_type, start_at, start_at + minutes * interval '1 minute', f.zone, location,
           CASE WHEN online THEN 'https://meet.tithi.example/' || substr(md5('featured' || f.number), 1, 12) END, capacity, price_minor, currency,
           f.language, policy, created_at, created_at
    FROM (SELECT *, (current_date + day + at) AT TIME ZONE zone AS start_at, now() - interval '60 days' + number * interval '1 hour' AS created_at
          FROM demo_featured) f
        JOIN demo_facilitators h ON h.language = f.host AND h.number <= 10
    ORDER BY f.id;

-- 7919 shares no factor with 20000: the people of one event are all different ones. Whoever cancels does so half-way to the start.
CREATE TEMP TABLE demo_bookings ON COMMIT DROP AS
    SELECT row_number() OVER () AS number, nextval(pg_get_serial_sequence('bookings', 'id')) AS id, p.id AS user_id, e.facilitator_id,
           e.id AS event_id, e.start_at, e.price_minor, e.currency, coalesce(e.cancellation_policy, '0=100') AS cancellation_policy,
           cancelled, booked_at, CASE WHEN cancelled THEN booked_at + (e.start_at - booked_at) / 2 END AS cancelled_at,
           CASE WHEN NOT cancelled THEN 0
                WHEN booked_at + (e.start_at - booked_at) / 2 < e.start_at - coalesce(full_until_hours, 0) * interval '1 hour' THEN e.price_minor
                WHEN booked_at + (e.start_at - booked_at) / 2 < e.start_at - half_until_hours * interval '1 hour' THEN (e.price_minor + 1) / 2
                ELSE 0 END AS refund_minor
    FROM demo_events d
        JOIN events e ON e.id = d.id
        CROSS JOIN LATERAL generate_series(1, d.bookings) k
        CROSS JOIN LATERAL (SELECT pg_temp.chance(d.number * 100 + k, 61, 100) < 8 AS cancelled,
                                   e.start_at - (1 + pg_temp.chance(d.number * 100 + k, 62, 40 * 24)) * interval '1 hour' AS booked_at) b
        JOIN demo_people p ON p.number = 1 + (pg_temp.chance(d.number, 63, 20000) + k * 7919) % 20000;
-- Nor does it with 19999: the first person, demo@example.com, comes to what is said only.
INSERT INTO demo_bookings
    SELECT (SELECT max(number) FROM demo_bookings) + row_number() OVER (), nextval(pg_get_serial_sequence('bookings', 'id')), p.id, e.facilitator_id,
           e.id, e.start_at, e.price_minor, e.currency, coalesce(e.cancellation_policy, '0=100'), false,
           least(e.start_at, now()) - (1 + pg_temp.chance(f.number * 100 + k, 64, 19 * 24)) * interval '1 hour', NULL, 0
    FROM demo_featured f
        JOIN events e ON e.id = f.id
        CROSS JOIN LATERAL generate_series(1, f.booked) k
        JOIN demo_people p ON p.number = CASE WHEN mine AND k = 1 THEN 1 ELSE 2 + (pg_temp.chance(f.number, 65, 19999) + k * 7919) % 19999 END;
INSERT INTO bookings (id, reference, event_id, user_id, status, status_reason, payment_status, price_minor, currency, cancellation_policy,
                      created_at, updated_at, cancelled_at)
    SELECT id, 'BK' || to_char(booked_at, 'YYYY') || upper(substr(md5('demo' || number), 1, 5)) || lpad(upper(to_hex(number)), 4, '0'),
           event_id, user_id, CASE WHEN cancelled THEN 'cancelled' WHEN start_at > now() THEN 'confirmed' ELSE 'completed' END,
           CASE WHEN cancelled THEN 'cancelled by user ' || user_id WHEN start_at > now() THEN 'booked' ELSE 'the event is over' END,
           CASE WHEN price_minor = 0 THEN 'not_required' WHEN refund_minor = 0 THEN 'completed'
                WHEN refund_minor < price_minor THEN 'partially_refunded' ELSE 'refunded' END,
           price_minor, currency, CASE WHEN price_minor > 0 THEN cancellation_policy END, booked_at,
           coalesce(cancelled_at, CASE WHEN start_at > now() THEN booked_at + interval '2 minutes' ELSE start_at END),
           cancelled_at
    FROM demo_bookings;

-- Paid in the sandbox, two minutes after the booking; what is owed went back an hour after the cancellation. The triggers would enter
-- all of it as of now, so the ledger is written here, with the times of what it enters; that it balances is checked all the same.
INSERT INTO sandbox_orders (order_id, receipt, amount_minor, currency, state, provider_payment_id, paid_at, created_at)
    SELECT 'order_demo' || number, 'tp_demo' || number, price_minor, currency, 'paid', 'pay_demo' || number,
           booked_at + interval '2 minutes', booked_at
    FROM demo_bookings WHERE price_minor > 0;
ALTER TABLE payments DISABLE TRIGGER USER;
ALTER TABLE refunds DISABLE TRIGGER USER;
INSERT INTO payments (booking_id, user_id, event_id, facilitator_id, provider, receipt, order_id, provider_payment_id, status, status_reason,
                      amount_minor, currency, captured_minor, refunded_minor, created_at, captured_at, updated_at)
    SELECT id, user_id, event_id, facilitator_id, 'sandbox', 'tp_demo' || number, 'order_demo' || number, 'pay_demo' || number,
           CASE refund_minor WHEN 0 THEN 'captured' WHEN price_minor THEN 'refunded' ELSE 'partially_refunded' END,
           CASE refund_minor WHEN 0 THEN 'paid' ELSE 'paid back' END, price_minor, currency, price_minor, refund_minor, booked_at,
           booked_at + interval '2 minutes', coalesce(cancelled_at, booked_at + interval '2 minutes')
    FROM demo_bookings WHERE price_minor > 0;
INSERT INTO refunds (payment_id, booking_id, amount_minor, currency, cause, requested_by, provider_refund_id, status, status_reason,
                     created_at, processed_at, updated_at)
    SELECT p.id, b.id, b.refund_minor, b.currency, 'cancelled', b.user_id, 'refund_demo' || b.number, 'processed', 'paid back',
           b.cancelled_at, b.cancelled_at + interval '1 hour', b.cancelled_at + interval '1 hour'
    FROM demo_bookings b JOIN payments p ON p.booking_id = b.id WHERE b.refund_minor > 0;
ALTER TABLE payments ENABLE TRIGGER USER;
ALTER TABLE refunds ENABLE TRIGGER USER;
INSERT INTO ledger (transfer_id, kind, account, amount_minor, currency, provider, payment_id, refund_id, booking_id, event_id, facilitator_id,
                    entered_at)
    WITH transfers AS MATERIALIZED (
        SELECT nextval('ledger_transfers') AS transfer_id, kind, p.id AS payment_id, r.id AS refund_id, p.booking_id, p.event_id,
               p.facilitator_id, p.provider, p.currency, CASE kind WHEN 'captured' THEN p.captured_minor ELSE r.amount_minor END AS amount_minor,
               CASE kind WHEN 'captured' THEN p.captured_at WHEN 'owed' THEN r.created_at ELSE r.processed_at END AS entered_at
        FROM demo_bookings b
            JOIN payments p ON p.booking_id = b.id
            CROSS JOIN (VALUES ('captured'), ('owed'), ('paid_back')) AS kinds (kind)
            LEFT JOIN refunds r ON r.payment_id = p.id AND kind <> 'captured'
        WHERE kind = 'captured' OR r.id IS NOT NULL)
    SELECT transfer_id, kind, account, sign * amount_minor, currency, provider, payment_id, refund_id, booking_id, event_id, facilitator_id,
           entered_at
    FROM transfers
        JOIN (VALUES ('captured', 'provider', 1), ('captured', 'earnings', -1), ('owed', 'earnings', 1), ('owed', 'refunds_owed', -1),
                     ('paid_back', 'refunds_owed', 1), ('paid_back', 'provider', -1)) AS sides (kind, account, sign) USING (kind);
-- Of ten who were there four say something, three of these in words; the events' counts are written once, below. What demo@example.com was
-- at is left to be reviewed.
ALTER TABLE reviews DISABLE TRIGGER USER;
INSERT INTO reviews (event_id, user_id, rating, text, created_at, updated_at)
    SELECT event_id, user_id, stars,
           CASE WHEN pg_temp.chance(number, 73, 4) > 0
                THEN pg_temp.pick(CASE WHEN stars <= 2 THEN poor WHEN stars = 3 THEN fair WHEN stars = 4 THEN good ELSE best END, number, 74) END, at, at
    FROM (SELECT b.number, b.event_id, b.user_id, coalesce(e.language, 'en') AS language,
                 CASE WHEN chance < 55 THEN 5 WHEN chance < 83 THEN 4 WHEN chance < 93 THEN 3 WHEN chance < 97 THEN 2 ELSE 1 END AS stars,
                 e.end_at + least(now() - e.end_at, interval '10 days') * (pg_temp.chance(b.number, 72, 1000) / 1000.0) AS at
          FROM demo_bookings b
              JOIN events e ON e.id = b.event_id AND e.end_at < now()
              CROSS JOIN LATERAL (SELECT pg_temp.chance(b.number, 71, 100)) AS drawn (chance)
          WHERE NOT cancelled AND pg_temp.chance(b.number, 70, 10) < 4
              AND b.user_id <> (SELECT id FROM demo_people WHERE number = 1)) r
        JOIN demo_words w USING (language)
    ORDER BY at;
ALTER TABLE reviews ENABLE TRIGGER USER;
UPDATE events e SET taken = b.places, review_count = b.reviews, review_sum = b.stars
    FROM (SELECT event_id, count(*) AS places, count(rating) AS reviews, coalesce(sum(rating), 0) AS stars
          FROM demo_bookings LEFT JOIN reviews USING (event_id, user_id) WHERE NOT cancelled GROUP BY event_id) b
    WHERE e.id = b.event_id;
ANALYZE users, credentials, events, reviews, bookings, payments, refunds, ledger, sandbox_orders;
\echo 'The demo catalogue is loaded.'
\endif
